"""Run a step from its inputs to its report. The arguments are what differs between platforms.

This module is exempt from core's rule against I/O: it runs git if needed, and it sends the events.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from gitdailies_core.ci.checkout import deploys_in
from gitdailies_core.ci.facts import Skipped
from gitdailies_core.ci.report import (
    Attempted,
    Report,
    attempted,
    dry_run,
    left_out,
    refused,
    skipped,
)
from gitdailies_core.ci.settings import Settings
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

_OUR_NAMES: Mapping[str, str] = {}

# The sender is imported only when events are sent. A skipped or dry run does not need it.


def run(
    platform: Platform | None,
    texts: Mapping[str, str | None],
    *,
    environ: Mapping[str, str],
    event: Any = None,
    directory: str = ".",
    agent: str,
    no_key: str = "",
    names: Mapping[str, str] = _OUR_NAMES,
) -> Report:
    """Report the job's deploys and return how it went. Raises nothing.

    *texts* are the inputs by the names of `settings`. *agent* names the step to the receiver.
    *no_key* says where this platform keeps the key, for the error about a missing one. *names*
    maps our names of inputs to the platform's, if it has other names.
    """
    try:
        settings = Settings.make(texts)
        found = deploys_in(
            directory,
            platform,
            environ=environ,
            event=event,
            inputs=settings.inputs,
            path=settings.path,
            call=os.urandom(8).hex(),
        )
        if isinstance(found, Skipped):
            return skipped(found)
        dialect = Dialect.make(receiver=settings.receiver)
        notes = [*found.notes, *left_out(settings.inputs, dialect)]
        if settings.dry_run:
            return dry_run(found.events, dialect, notes)
        results, warnings = _send(found.events, settings, dialect, agent, no_key)
        return attempted(results, dialect, notes, warnings, names)
    except Exception as error:  # noqa: BLE001  a failed report never fails the deploy
        return refused(error, names)


def leave(code: int) -> NoReturn:
    """End the process at once. A normal end of the interpreter takes a tenth of a step's time."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        # A log that is closed, or none.
        os._exit(code)
    os._exit(code)


def _send(
    events: tuple[Event, ...],
    settings: Settings,
    dialect: Dialect,
    agent: str,
    no_key: str,
) -> tuple[list[Attempted], list[str]]:
    """Send the events. Return how that went, and warnings. Raises UsageError."""
    if not settings.key:
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not settings.url:
        raise UsageError("webhook-url: expected the address of incoming webhooks, got nothing")
    from gitdailies_core.ci.receiver import Receiver, warning_about
    from gitdailies_core.ci.sender import send_all

    receiver = Receiver.make(
        url=settings.url,
        key=settings.key,
        dialect=dialect,
        agent=agent,
        timeout_seconds=settings.timeout_seconds,
        retries=settings.retries,
    )
    warning = warning_about(receiver.url)
    return send_all(events, receiver), [warning] if warning else []
