"""`--log-format`: the form of a server's log lines, for the commands that run one."""

from __future__ import annotations

import sys

import click

TEXT, JSON = "text", "json"

LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice([TEXT, JSON]),
    help="the form of log lines; default: text on a terminal, else json",
)


def configure_log(form: str | None) -> None:
    """Set the log up in the form that was asked for, or in the one that the reader can read."""
    from gitdailies_server.logging import setup

    setup.configure(text=sys.stderr.isatty() if form is None else form == TEXT)
