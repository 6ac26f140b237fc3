"""What several commands ask for: the options for the file and the log, times, and who runs the command."""

import getpass
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times

_TEXT = "text"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SPAN = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    # A group may have it, too: `gitdailies relay --config FILE status`.
    callback=lambda context, _, given: given or context.obj,
    help="gitdailies.yml; default: the one in this folder",
)
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice([_TEXT, "json"]),
    help="of log lines; default: text on a terminal, else json",
)


def added(*options: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds *options* to a command, in the order of its help."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def configure_log(form: str | None) -> None:
    """Set the log up in the form that was asked for, or in the one that the reader can read."""
    from gitdailies_server.logging import setup

    setup.configure(text=sys.stderr.isatty() if form is None else form == _TEXT)


def ago(text: str, now: datetime) -> datetime | None:
    """Return the moment that lies `7d`, `12h` or `30m` before *now*, or None if *text* is no such span."""
    found = _SPAN.fullmatch(text)
    return now - int(found[1]) * _UNITS[found[2]] if found else None


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Name the option or the file that a ValueError of the block is about, as a UsageError."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def parsed_time(text: str, option: str) -> datetime:
    """Read a time of an *option*, or a day, which is its midnight in UTC; raises UsageError."""
    try:
        return times.parse(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text, option)
    except ValueError as error:
        raise UsageError(str(error)) from None


def body_of(file: str) -> bytes:
    """Read a body from a file, or from standard input for `-`; raises UsageError."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot read it: {(error.strerror or '').lower()}") from None


def person() -> str:
    """Return who runs the command, for the audit trail; "" where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
