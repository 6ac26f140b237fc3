"""What an event counts for, as its page shows it: a line for each figure."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived import queries
from gitdailies_webhooks.events.store import Store
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


async def verdicts(store: Store, settings: FigureSettings, now: datetime, id_: str) -> list[dict[str, Any]]:
    """Return for each figure whether the event counts where and when it happened, and why.

    No period is asked for, which could leave out what the event is laid to or undoes.
    """
    everything = Selection.all_until(to_us(now))
    told = await store.read(partial(queries.why_one, selection=everything, settings=settings, id_=id_))
    return [{**verdict, "name": NAMES[verdict["figure"]]} for verdict in (told or {}).get("verdicts", ())]
