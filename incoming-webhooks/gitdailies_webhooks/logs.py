"""Log lines: one JSON object a line on stderr, with control characters escaped."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from gitdailies_webhooks.keys import without_keys

_LONGEST = 2000


def _harmless(_: Any, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    # A traceback is ours and may be long; whatever came from outside may not.
    return {
        name: without_keys(value if name == "exception" else value[:_LONGEST])
        if isinstance(value, str)
        else value
        for name, value in fields.items()
    }


_PROCESSORS: tuple[structlog.typing.Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _harmless,
    structlog.processors.JSONRenderer(),  # ASCII only, so nothing in a line can steer a terminal
)


def _write(line: str) -> None:
    # Looked up for each line, as the standard library does in its last resort: stderr may be exchanged.
    sys.stderr.write(line + "\n")


class _Stderr:
    debug = info = warning = error = critical = staticmethod(_write)


def logger() -> Any:
    """Return this room's logger; it changes nothing of what others of the process log with."""
    return structlog.wrap_logger(
        _Stderr(),
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        part="incoming-webhooks",
    )


def take_over_server_log() -> None:
    """Write the web server's warnings in the same form, unless another part of the process does."""
    server = logging.getLogger("uvicorn")
    if not server.handlers:
        handler = _Handler()
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_PROCESSORS[:-1], processor=structlog.processors.JSONRenderer()
            )
        )
        server.addHandler(handler)
        server.setLevel(logging.WARNING)
        server.propagate = False


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write(self.format(record))
