"""`gitdailies alive`: ask the servers of this machine or container whether they run; for health checks.

It finds them by their command lines, as a person would: process 1, which is the server of a container,
and the children of process 1, which are services of systemd, or run under the `init` of a container.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import click
from gitdailies_connection.addresses import Listen, parse_listen
from gitdailies_core.errors import ConfigurationError, GitDailiesError

from gitdailies_cli import find_config

# The commands that serve.
RELAY, DORA, UP = "relay", "dora", "up"
# A health check of a container gives up after 5 s.
_SECONDS = 4.0
_PROC = Path("/proc")


@click.command()
@click.option(
    "--process",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="the id of the server's process, or of its parent",
)
@click.option("--ready", is_flag=True, help="also ask whether they can store")
def alive(process: int, ready: bool) -> None:
    """Check that each server in this container, or each service of this machine, is healthy.

    Exit code 0: all answer. 1: one does not, or none runs.

    \b
    gitdailies alive
    """
    found = [address for number in _family(process) for address in _addresses(number)]
    if not found:
        click.echo(f"no server runs as process {process} or as a child of it", err=True)
        raise click.exceptions.Exit(1)
    faults = 0
    for name, address in found:
        fault = _fault(address, "readyz" if ready else "healthz")
        faults += bool(fault)
        click.echo(f"{name}  {address}  {fault or 'ok'}", err=bool(fault))
    if faults:
        raise click.exceptions.Exit(1)


def _fault(address: Listen, path: str) -> str:
    """Return why the server at *address* is not well, or ""."""
    try:
        urllib.request.urlopen(f"http://{address}/{path}", timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        reason = "no reason given"
        with suppress(ValueError, KeyError, TypeError):
            reason = str(json.loads(error.read(2000))["reason"])
        return f"answered {error.code}: {reason}"
    except OSError as error:
        return f"no answer: {str(getattr(error, 'reason', error)).lower()}"
    return ""


def _family(process: int) -> list[int]:
    """Return the number of *process* and those of its children."""
    running = (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())
    return [process, *(number for number in running if _parent(number) == process)]


def _parent(number: int) -> int:
    try:
        # The name of the program is in brackets, and may hold spaces and brackets itself.
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0  # it has ended
    return int(fields[1])


def _addresses(number: int) -> Iterator[tuple[str, Listen]]:
    """Yield the name and the health address of each server that process *number* is."""
    try:
        words = (_PROC / str(number) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return
    arguments = _arguments(words)
    if not arguments or arguments[0] not in (RELAY, DORA, UP):
        return
    try:
        context = _parsed(arguments)
        folder = Path()
        if context is not None:
            folder = (_PROC / str(number) / "cwd").readlink()
            yield from _health(context, folder)
    except (GitDailiesError, OSError) as error:
        raise ConfigurationError(f"process {number}: cannot find out where it listens: {error}") from None


def _arguments(words: Sequence[str]) -> list[str]:
    """Return what follows `gitdailies` or `-m gitdailies_cli` in a command line, or nothing."""
    for place, word in enumerate(words[:3]):
        if Path(word).name in ("gitdailies", "gitdailies_cli"):
            return list(words[place + 1 :])
    return []


def _parsed(arguments: list[str]) -> click.Context | None:
    """Read the command line of a server as the server does; None for a command that serves nothing."""
    from gitdailies_cli.main import gitdailies

    root = click.Context(gitdailies)
    command = gitdailies.get_command(root, arguments[0])
    assert command is not None
    try:
        context = command.make_context(arguments[0], arguments[1:], parent=root)
    except (click.ClickException, click.exceptions.Exit):
        return None
    return None if context.protected_args or context.args or context.params.get("invite_owner") else context


def _health(context: click.Context, folder: Path) -> Iterator[tuple[str, Listen]]:
    given = context.params
    if context.info_name == DORA:
        yield DORA, parse_listen(given["listen"]).local()
        return
    if context.info_name == RELAY:
        file = find_config.find(given["config"], folder)
    else:
        file = folder / given["data"] / find_config.FILE
    if file is None:
        raise OSError(f"{find_config.FILE} is not where the relay found it")
    configuration = find_config.load_configuration(file)
    # `up` writes the ports that it was given to its file, where this reads them.
    yield RELAY, configuration.relay.status.local()
    if context.info_name == UP:
        receiver = urlsplit(configuration.gitdailies.url)
        yield DORA, Listen(receiver.hostname or "", receiver.port or 80)
