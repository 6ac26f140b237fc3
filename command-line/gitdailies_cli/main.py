"""The command and its subcommands. Each is imported when it runs; errors become a line and an exit code.

Exit codes: 0 done or skipped on purpose, 1 not delivered, 2 wrong usage or configuration, 3 refused by
GitDailies (key or payload), 4 partly done.
"""

import errno
import importlib
import sys
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem
from gitdailies_core.errors import GitDailiesError, UsageError

# What people do, in the order in which they come to it. For each subcommand: its module, and its text in
# `gitdailies --help`, which need not import them all.
SECTIONS = {
    "Start": {
        "up": ("commands.start.up", "run the DORA server and a relay on this machine, ready to try"),
        "demo": ("commands.start.demo", "send example events to a running `gitdailies up`"),
        "init": ("commands.start.init", "write a commented first gitdailies.yml"),
        "connect": ("commands.connect.command", "create a webhook at a vendor, add the source, test it"),
        "sources": (
            "commands.send.sources",
            "list the tools that the relay can read; show, draft and test them",
        ),
        "translate": (
            "commands.send.translate",
            "show the events that a delivery becomes, or why there are none; sends nothing",
        ),
    },
    "Send": {
        "deploy": (
            "commands.send.deploy",
            "report a deploy; missing values are read from the CI environment",
        ),
        "incident": ("commands.send.incident", "report that an incident started or ended; move incidents"),
        "history": ("history.commands", "send past events: import them from files, fetch them from a vendor"),
    },
    "See": {
        "scan": (
            "commands.scan.command",
            "print the five figures of a git repository, without a server or an account",
        ),
        "metrics": (
            "commands.see.metrics",
            "print deployment frequency, lead time, fail rate, recovery time, rework rate",
        ),
        "events": ("commands.see.events", "print what a server has received, and follow what comes"),
        "why": ("commands.see.why", "say why an event counts or not, and what to do"),
        "report": ("commands.see.report", "print a weekly review, or post it to a chat"),
        "mcp": ("commands.see.mcp", "let an assistant ask a server, over the Model Context Protocol"),
    },
    "Run": {
        "relay": (
            "relay.commands",
            (
                "run or inspect the relay; status, failed, show, explain, unmapped, incidents, replay, "
                "requeue, discard, close, confirm, pause, resume"
            ),
        ),
        "dora": ("commands.run.dora", "run the DORA server, the receiver of events"),
        "alive": ("commands.run.alive", "check that the servers here are healthy; for containers"),
        "reload": ("commands.run.reload", "have the servers here read gitdailies.yml again"),
        "check": ("commands.run.check", "check configuration, secrets, reachability, dialect and mirrors"),
    },
    "Look after": {
        "keys": ("commands.look_after.keys", "create, list, replace and delete webhook keys"),
        "services": (
            "commands.look_after.services",
            "write the services of a catalog as YAML for gitdailies.yml",
        ),
        "teams": ("commands.look_after.teams", "print the teams of a catalog as YAML for gitdailies.yml"),
        "mirrors": ("commands.look_after.mirrors", "create and fetch git mirrors, for lead times"),
        "migrate": (
            "commands.look_after.migrate",
            "bring the stores of both servers to this version's schema",
        ),
        "backup": ("commands.look_after.backup", "copy an SQLite store while its server runs"),
        "restore": ("commands.look_after.backup", "restore a store from such a copy"),
        "erase": ("commands.look_after.erase", "erase stored events and text for good, from both stores"),
        "completion": ("commands.start.completion", "print the completion of `gitdailies` for a shell"),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

# The disk is full or broken, below the output or below a file of ours.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Lazy(click.Group):
    """A group that imports a subcommand only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"gitdailies_cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # click suggests those that are loaded already.
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from the table: a shell that waits for each module to load is slow to type in."""
        found = [
            CompletionItem(name, help=about)
            for name, (_, about) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        # Its own options alone; the group would load each subcommand for its text.
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from gitdailies_connection import published

        where = published.address("Documentation") or "docs/README.md, in the project's repository"
        with formatter.section("Documentation"):
            formatter.write_text(where)


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gitdailies_connection.published import release

        click.echo(f"gitdailies, version {release()}")
        context.exit()


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="show the version"
)
def gitdailies() -> None:
    """Send deploys and incidents to GitDailies, each counted once.

    Start with `gitdailies up`. It needs no account and prints example commands to paste.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command, and end the process with one of the documented exit codes."""
    try:
        # Outside its standalone mode click returns the code of `Exit` instead of raising it.
        code = gitdailies.main(arguments, prog_name="gitdailies", standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GitDailiesError as error:
        for complaint in error.complaints if isinstance(error, UsageError) else (error,):
            click.echo(f"gitdailies: {complaint}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        from gitdailies_connection import published

        if not (remedy := published.missing_extra(error)):
            raise
        click.echo(f"gitdailies: {remedy}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of the output ended, as `head` does.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        reason = (error.strerror or "").lower()
        click.echo(f"gitdailies: cannot write everything: {reason}", err=True)
        with suppress(OSError):
            # Otherwise the end of the process would try again and print another error.
            sys.stdout.close()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
