"""What an event counts for, as its page shows it: a line for each figure."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_core.times import text_of
from gitdailies_server.moments import to_us

from gitdailies_webhooks import answers
from gitdailies_webhooks.figures import figures
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.metrics import question
from gitdailies_webhooks.store import Store

_NAMES = {
    figures.FREQUENCY: "Deployment frequency",
    figures.LEAD_TIME: "Change lead time",
    figures.FAIL_RATE: "Change fail rate",
    figures.RECOVERY: "Failed deployment recovery time",
    figures.REWORK: "Deployment rework rate",
}


async def verdicts(
    store: Store, settings: Settings, now: datetime, *, id_: str, at: datetime, environment: str
) -> list[dict[str, Any]]:
    """Return for each figure of the event's own environment, from *at* on, whether it counts, and why."""
    asked = {"from": text_of(min(at, now)), "environment": environment}
    of = question(asked, settings, to_us(now))
    told = await store.read(partial(answers.why_one, question=of, settings=settings, id_=id_))
    return [{**verdict, "name": _NAMES[verdict["figure"]]} for verdict in (told or {}).get("verdicts", ())]
