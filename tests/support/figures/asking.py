"""Compute figures from a list of events, for a question as the API takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gitdailies_core.events.events import Event
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us
from gitdailies_webhooks.figures.events import History, read_history
from gitdailies_webhooks.figures.facts import Facts, derive
from gitdailies_webhooks.figures.metrics import count_unlinked, figures, select_rows
from gitdailies_webhooks.figures.reasons import Reasons
from gitdailies_webhooks.figures.selection import Selection, parse_period
from gitdailies_webhooks.figures.settings import FigureSettings

WORKED = Path(__file__).parent / "worked"


class Computed(NamedTuple):
    """A history and its facts, for one question."""

    history: History
    facts: Facts
    selection: Selection
    settings: FigureSettings

    def figures(self) -> dict[str, Any]:
        deploys, incidents = select_rows(self.facts, self.selection)
        return figures(
            deploys,
            unlinked=count_unlinked(incidents),
            period=self.selection.period,
            window=self.settings.window_us,
        )

    def why(self, id_: str) -> str:
        """Return the words of the verdicts on an event."""
        verdicts = Reasons(self.history, self.facts, self.selection, self.settings).of(id_)
        return " ".join(verdict.word for verdict in verdicts)


def worked() -> list[dict[str, Any]]:
    """Read the worked history, each event as the store holds it."""
    lines = (WORKED / "events.jsonl").read_text().splitlines()
    return [Event.from_wire(json.loads(line)).to_wire() for line in lines]


def compute(
    events: Iterable[Mapping[str, Any]],
    question: Mapping[str, str],
    settings: FigureSettings = FigureSettings(),  # noqa: B008  frozen
) -> Computed:
    now = to_us(parse(question["now"], "now"))
    period = parse_period(question.get("from", ""), question.get("to", ""), now, settings.zone)
    selection = Selection.make(
        period,
        settings,
        repo=question.get("repo", ""),
        environment=question.get("environment", ""),
        service=question.get("service", ""),
    )
    history = read_history(events, settings, now=now)
    return Computed(history, derive(history, settings), selection, settings)


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))
