"""Details and reviews look up each row in an index: one event costs the same in any store."""

from collections.abc import Callable
from typing import Any

import pytest
from gitdailies_core.values.times import parse
from gitdailies_dora.derived.read import review
from gitdailies_dora.derived.read.events import detail
from gitdailies_dora.derived.read.review_question import review_question
from gitdailies_dora.figures.history.teams import Teams
from gitdailies_server.storage.timestamps import to_us

from tests.contract.stores.test_list_plans import explained
from tests.contract.stores.test_plans import history, parts
from tests.support.figures.derived_store import LATE, SETTINGS, Opened, add_event, catch_up

# Tables that grow with the events.
TABLES = ("events", "figures_deploys", "figures_incidents", "figures_remedies", "figures_commits")


@pytest.fixture(scope="module")
def session(store: Opened) -> Any:
    database, session = store
    database.begin(session)
    for body in history()[:1200]:
        add_event(session, body, LATE)
    catch_up(session, LATE)
    return session


def scans(session: Any, read: Callable[[Any], Any]) -> list[tuple[str, Any]]:
    """Return the statements that read a large table without an index, with their plans."""
    explaining = explained(session)
    assert read(explaining)
    found = []
    for statement, plan in explaining.plans.items():
        if isinstance(plan, list):
            whole = [line for line in plan if line.startswith("SCAN") and "USING" not in line]
            whole = [line for line in whole if line.split()[1] in {*TABLES, "own", "other", "d", "i", "e"}]
            found += [(statement, line) for line in whole]
            continue
        found += [
            (statement, part)
            for part in parts(plan)
            if part.get("Relation Name") in TABLES and "Seq Scan" in part["Node Type"]
        ]
    return found


@pytest.mark.parametrize(
    ("read", "id_"), [(detail.event, "e5"), (detail.deploy, "e6"), (detail.incident, "e10")]
)
def test_an_event_is_looked_up(session: Any, read: Callable[..., Any], id_: str) -> None:
    """No statement about one event reads a table as a whole."""
    assert scans(session, lambda one: read(one, id_, SETTINGS, LATE)) == []


def test_a_week_is_looked_up(session: Any) -> None:
    """No statement of the review of a week reads a table as a whole, and each line is of that week."""
    question = review_question({"week": "2026-W15"}, SETTINGS, Teams(), LATE)
    week = question.week
    found = review.answer(session, question, SETTINGS)
    assert found.sections.failed
    times = [line.deploy.time for line in found.sections.failed]
    assert all(week.period.began_at <= to_us(parse(time, "")) < (week.period.ended_at or 0) for time in times)
    assert scans(session, lambda one: review.answer(one, question, SETTINGS)) == []
