"""The command and its subcommands, each imported when it runs; errors become a line and an exit code.

Exit codes: 0 done or rightly skipped, 1 not delivered, 2 usage or configuration, 3 refused by
GitDailies (key or payload), 4 partly done.
"""

from __future__ import annotations

import errno
import importlib
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import click
from gitdailies_core.errors import GitDailiesError

# Where each subcommand stands: a module of this package and the command in it. The text is
# shown by `gitdailies --help`, so that help need not import them all.
COMMANDS = {
    "up": ("commands.up", "run everything on this machine: incoming webhooks, relay, keys"),
    "deploy": ("commands.deploy", "report a deploy; what is not given is read from the CI environment"),
    "incident": ("commands.incident", "report an incident by hand: start, resolve"),
    "relay": ("commands.relay", "run the relay; status, failed, unmapped, explain, replay, pause, resume"),
    "webhooks": ("commands.webhooks", "run the incoming-webhooks system"),
    "keys": ("commands.keys", "webhook keys: create, list, delete"),
    "history": ("history.commands", "events of the past: import them from a file, fetch them from a vendor"),
    "metrics": ("commands.metrics", "deployment frequency, lead time, fail rate, recovery time, rework rate"),
    "translate": ("commands.translate", "what a delivery would become, or why nothing; sends nothing"),
    "check": ("commands.check", "check configuration, secrets, reachability, dialect, mirrors"),
    "conformance": ("commands.conformance", "check a receiver: does it answer as one of these events has to"),
    "init": ("commands.check", "write a commented first gitdailies.yml"),
}

# A disk that takes no more, be it under what is printed or under a file of ours.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Lazy(click.Group):
    """A group whose subcommands are imported when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"gitdailies_cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("gitdailies-integrations"), prog_name="gitdailies")
def gitdailies() -> None:
    """Deploys and incidents into GitDailies, each counted once.

    Start with `gitdailies up`: it needs no account and prints what to paste next.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command; ends the process with one of the documented exit codes."""
    try:
        # Outside its standalone mode click returns the code of `Exit` instead of raising it.
        code = gitdailies.main(arguments, prog_name="gitdailies", standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GitDailiesError as error:
        click.echo(f"gitdailies: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        said = (error.strerror or "").lower()
        click.echo(f"gitdailies: expected to write everything, got: {said}", err=True)
        with suppress(OSError):
            # Or the end of the process would try once more, and say so.
            sys.stdout.close()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
