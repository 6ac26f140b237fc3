"""Logs as JSON lines on standard error; what came from outside cannot forge a line."""

from __future__ import annotations

import sys

import structlog


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
