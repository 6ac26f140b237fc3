"""Lists of events with a filter find them in an index: a rare one costs the same in any store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.events import queries
from gitdailies_webhooks.events.query import Listing

from tests.contract.stores.test_derived import LATE, add_event
from tests.contract.stores.test_plans import ExplainingSession, history, parts
from tests.support.databases import KINDS, opened

FILTERS: dict[str, dict[str, str]] = {
    "incident": {"incidentId": "i7"},
    "repository": {"repo": "Larkspur/3"},
    "repository and kind": {"repo": "larkspur/3", "kind": "deployed", "environment": ""},
    "repository and incident": {"repo": "LARKSPUR/0", "incidentId": "i10", "kind": "incidentStarted"},
}


class PlansOfSqlite:
    """A session that asks SQLite for the plan of each statement before it is run."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.plans: dict[str, list[str]] = {}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        rows = self._session.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        self.plans[statement] = [row[3] for row in rows]
        return self._session.execute(statement, parameters)


@pytest.fixture(params=KINDS, scope="module")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("lists")
    with opened(str(request.param), folder, "gitdailies_webhooks") as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            for body in history():
                add_event(session, body, LATE)
            yield session


def listed(session: Any, filters: dict[str, str]) -> list[int]:
    listing = Listing(limit=1000, after=0, filters=filters)
    return [event.seq for event in queries.list_events(session, listing, after=0, limit=1000)]


def newest(session: Any, filters: dict[str, str]) -> list[int]:
    return [event.seq for event in queries.newest_events(session, filters=filters, limit=1000)][::-1]


@pytest.mark.parametrize("read", [listed, newest], ids=["listed", "newest"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_looked_up(session: Any, name: str, read: Callable[..., list[int]]) -> None:
    """No statement reads all events, and those that are found are the ones that the filter is about."""
    filters = FILTERS[name]
    explaining: Any = (
        ExplainingSession(session) if hasattr(session, "takes_lists") else PlansOfSqlite(session)
    )
    found = read(explaining, filters)
    assert found == wanted(filters)
    for statement, plan in explaining.plans.items():
        if "WITH RECURSIVE" in statement:  # one step in an index for each spelling
            continue
        for how in ways(plan):
            assert "repo" in how or "incident" in how, (statement, plan)


def ways(plan: list[str] | dict[str, Any]) -> Iterator[str]:
    """Yield how each reading of the events finds them, in the words of the database."""
    if isinstance(plan, list):
        yield from (line for line in plan if " events " in line)
        return
    for part in parts(plan):
        if part.get("Relation Name") == "events":
            yield part.get("Index Cond", "") + part.get("Recheck Cond", "")


def wanted(filters: dict[str, str]) -> list[int]:
    def fits(body: dict[str, Any]) -> bool:
        return all(str(body.get(name, "")).lower() == value.lower() for name, value in filters.items())

    return [number for number, body in enumerate(history(), 1) if fits(body)]
