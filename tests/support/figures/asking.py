"""Compute figures from a list of events, for a question as the API takes it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from gitdailies_core.events.events import Event
from gitdailies_core.values.times import parse, text_of
from gitdailies_dora.figures.answers.columns import of_facts
from gitdailies_dora.figures.answers.numbers import Figures
from gitdailies_dora.figures.answers.selection import Selection, parse_period
from gitdailies_dora.figures.answers.series import ALL, SeriesQuestion, add_up, cuts, plan, summary
from gitdailies_dora.figures.history.events import History, read_history
from gitdailies_dora.figures.history.facts import Facts, derive
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.reasons import Reasons, Verdict
from gitdailies_server.storage.timestamps import to_us

REPO = "larkspur/shop"
WORKED = Path(__file__).parent / "worked"


class Computed(NamedTuple):
    """A history and its facts, for one question."""

    history: History
    facts: Facts
    selection: Selection
    settings: FigureSettings

    def figures(self) -> dict[str, Any]:
        """The five figures by their names, from columns of all events."""
        found: dict[str, Any] = msgspec.to_builtins(self.answer())
        return found

    def answer(self) -> Figures:
        asked = SeriesQuestion.of(self.selection)
        planned = plan(asked)
        sums = add_up(of_facts(self.facts), asked, cuts(planned, asked, self.settings.window_us))
        first = self.history.first_at(self.selection.repo)
        return summary(asked, planned, sums, (ALL,), first).total

    def verdicts(self, id_: str, figure: str = "") -> list[Verdict]:
        """The verdicts on an event, or those for one figure."""
        found = Reasons(self.history, self.facts, self.selection, self.settings).of(id_)
        return [one for one in found if figure in ("", one.figure)]

    def why(self, id_: str) -> str:
        """Return the words of the verdicts on an event."""
        return " ".join(verdict.word for verdict in self.verdicts(id_))


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


def as_written(settings: FigureSettings) -> dict[str, Any]:
    """The settings as the reference takes them."""
    return {
        "timezone": settings.timezone,
        "window_hours": settings.window // timedelta(hours=1),
        "production": settings.production,
        "count_same_commit": settings.count_same_commit,
        "hotfix": settings.hotfix,
        "failures": settings.failures,
    }


def deploy(id_: str, time: str | datetime, sha: str = "", **values: Any) -> dict[str, Any]:
    """A deploy in March 2026, of a commit of its own if none is given, as the store holds it."""
    values = {"repo": REPO, "commitSHA": sha or sha1(id_.encode()).hexdigest(), **values}
    return Event.make("deployed", id=id_, time=_moment(time), **values).to_wire()


def _moment(time: str | datetime) -> str:
    return text_of(time) if isinstance(time, datetime) else f"2026-03-{time}Z"


def started(id_: str, time: str | datetime, incident: str = "INC", **values: Any) -> dict[str, Any]:
    """A start of an incident in March 2026, as the store holds it."""
    return _of_incident("incidentStarted", id_, time, incident, **values)


def ended(id_: str, time: str | datetime, incident: str = "INC", **values: Any) -> dict[str, Any]:
    """An end of an incident in March 2026, as the store holds it."""
    return _of_incident("incidentResolved", id_, time, incident, **values)


def _of_incident(kind: str, id_: str, time: str | datetime, incident: str, **values: Any) -> dict[str, Any]:
    values = {"repo": REPO, "incidentId": incident, **values}
    return Event.make(kind, id=id_, time=_moment(time), **values).to_wire()


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def alike(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that a figure has every expected number and no other."""
    assert figures.keys() == expected.keys()
    for figure, numbers in expected.items():
        found, wanted = flat(figures[figure]), flat(numbers)
        assert (figure, {name: found[name] for name in wanted}) == (
            figure,
            pytest.approx(wanted),
        )


def flat(numbers: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a figure, those of an inner group by both names."""
    found: dict[str, Any] = {}
    for name, number in numbers.items():
        inner = number if isinstance(number, dict) else {"": number}
        found |= {f"{name} {measure}".strip(): value for measure, value in inner.items()}
    return found
