"""Signals of log rotation. They would end the process, which has no log file to open again."""

from __future__ import annotations

import asyncio
import signal

import structlog

LOG = structlog.get_logger("gitdailies.server")

IGNORED = (signal.SIGUSR1, signal.SIGUSR2)


def ignore_all() -> None:
    """Ignore them from now on, before there is an event loop."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def log_once(loop: asyncio.AbstractEventLoop) -> None:
    """Log the first of each; a person who sends one learns what to send instead."""
    for number in IGNORED:
        loop.add_signal_handler(number, _log, loop, number)


def _log(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_IGN)
    LOG.warning(
        "signal ignored", signal=number.name, reason="SIGHUP reloads gitdailies.yml, SIGTERM stops the server"
    )
