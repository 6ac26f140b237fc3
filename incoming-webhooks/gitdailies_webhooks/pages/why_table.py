"""The table on the page of an event that shows for each figure whether it counts, and why."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived import queries
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures import metrics, reasons
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import FigureSettings

NAMES = {
    metrics.FREQUENCY: "Deployment frequency",
    metrics.LEAD_TIME: "Change lead time",
    metrics.FAIL_RATE: "Change fail rate",
    metrics.RECOVERY: "Failed deployment recovery time",
    metrics.REWORK: "Deployment rework rate",
    reasons.ALL: "Every figure",
}


async def verdicts(
    store: EventStore, settings: FigureSettings, now: datetime, id_: str
) -> list[dict[str, Any]]:
    """Return for each figure whether the event counts, and why.

    The period is unlimited. A limited one could leave out the deploy that the event is attributed to, or
    the deploy that it remedies.
    """
    everything = Selection.all_until(to_us(now))
    event = await store.ask(partial(queries.why_one, selection=everything, settings=settings, id_=id_))
    return [{**verdict, "name": NAMES[verdict["figure"]]} for verdict in (event or {}).get("verdicts", ())]
