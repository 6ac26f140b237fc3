"""Ask figures of a list of events, in the words of the address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gitdailies_core.events.events import Event
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us
from gitdailies_webhooks.figures.events import History, read
from gitdailies_webhooks.figures.facts import Facts, derive
from gitdailies_webhooks.figures.metrics import figures_of
from gitdailies_webhooks.figures.period import span
from gitdailies_webhooks.figures.reasons import Reasons
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings

WORKED = Path(__file__).parent / "worked"


class Asked(NamedTuple):
    history: History
    facts: Facts
    selection: Selection
    settings: Settings

    def figures(self) -> dict[str, Any]:
        return figures_of(self.facts, self.selection, self.settings)

    def why(self, id_: str) -> str:
        verdicts = Reasons(self.history, self.facts, self.selection, self.settings).of(id_)
        return " ".join(verdict.word for verdict in verdicts)


def worked() -> list[dict[str, Any]]:
    """Read the worked history, each event as the store holds it."""
    lines = (WORKED / "events.jsonl").read_text().splitlines()
    return [Event.from_wire(json.loads(line)).to_wire() for line in lines]


def ask(
    events: Iterable[Mapping[str, Any]],
    question: Mapping[str, str],
    settings: Settings = Settings(),  # noqa: B008  frozen
) -> Asked:
    now = to_us(parse(question["now"], "now"))
    asked = span(question.get("from", ""), question.get("to", ""), now, settings.zone)
    selection = Selection.make(
        asked,
        settings,
        repo=question.get("repo", ""),
        environment=question.get("environment", ""),
        service=question.get("service", ""),
    )
    history = read(events, settings, now=now)
    return Asked(history, derive(history, settings), selection, settings)


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))
