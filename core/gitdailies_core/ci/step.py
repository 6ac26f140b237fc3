"""A step from its inputs to its report: the same for every platform, told what differs.

Excepted from core's rule against I/O by name: it asks git where needed and sends the events.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from gitdailies_core.ci.checkout import deploys_in
from gitdailies_core.ci.facts import Skipped
from gitdailies_core.ci.report import (
    DONE,
    NOT_DELIVERED,
    REFUSED,
    Attempted,
    Report,
    attempted,
    refused,
    skipped,
    tried,
)
from gitdailies_core.ci.settings import Settings
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

_OUR_NAMES: Mapping[str, str] = {}

# Sending and its urllib are imported where they are needed, a skipped or dry run needs neither.


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
    """Report the job's deploys and say how it went; raises nothing.

    *texts* are the inputs by the names of `settings`, *agent* names the step to the receiver,
    *no_key* says where this platform keeps the key, for who has set none, *names* what it calls
    the inputs, where it has names of its own for them.
    """
    try:
        settings = Settings.make(texts)
        found = deploys_in(
            directory,
            platform,
            environ=environ,
            event=event,
            inputs=settings.inputs,
            call=os.urandom(8).hex(),
        )
        if isinstance(found, Skipped):
            return skipped(found)
        dialect = Dialect.make(receiver=settings.receiver)
        if settings.dry_run:
            return tried(found.events, dialect, found.notes)
        return attempted(_send(found.events, settings, dialect, agent, no_key, names), dialect, found.notes)
    except Exception as error:  # noqa: BLE001  a deploy never fails for its report
        return refused(error, names)


def leave(code: int) -> NoReturn:
    """End the process at once: taking the interpreter apart would be a tenth of a step's time."""
    sys.stdout.flush()
    os._exit(code)


def _send(
    events: tuple[Event, ...],
    settings: Settings,
    dialect: Dialect,
    agent: str,
    no_key: str,
    names: Mapping[str, str],
) -> list[Attempted]:
    if not settings.key:
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not settings.url:
        raise UsageError("webhook-url: expected the address of incoming webhooks, got nothing")
    from gitdailies_core.ci import sender

    receiver = sender.Receiver.make(
        url=settings.url,
        key=settings.key,
        dialect=dialect,
        agent=agent,
        timeout_seconds=settings.timeout_seconds,
        retries=settings.retries,
    )
    codes = {sender.DELIVERED: DONE, sender.REFUSED: REFUSED, sender.NOT_DELIVERED: NOT_DELIVERED}
    return [
        Attempted(
            event,
            codes[receipt.outcome],
            receipt.status,
            receipt.said + (f"; check {names.get(receipt.check, receipt.check)}" if receipt.check else ""),
            receipt.unchanged,
        )
        for event, receipt in zip(events, sender.send_all(events, receiver))
    ]
