"""Logs as JSON lines on standard error; what came from outside cannot forge a line."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import structlog
from gitdailies_core.errors import GitDailiesError


def configure() -> None:
    """Set structlog up: a line an entry, control characters escaped by JSON, no colors."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # What libraries say (uvicorn: a request that is none) comes in the same form.
    logging.basicConfig(handlers=[_Forwarding()], level=logging.WARNING, force=True)


class _Forwarding(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        more = {"reason": told(fault)} if fault else {}
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), **more)


def told(error: BaseException) -> str:
    """Say what went wrong: our own errors in full, of others only kind and place.

    Their text may hold anything, a body or a secret among it.
    """
    if isinstance(error, GitDailiesError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
