"""Lists of events with a filter find them in an index: a rare one costs the same in any store."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from gitdailies_core.values.times import parse
from gitdailies_dora.events import listing
from gitdailies_dora.events.listing import list_events, newest_events
from gitdailies_dora.events.query import BEGINNING, END, HAPPENED, Listing, Wanted
from gitdailies_server.storage.timestamps import to_us

from tests.contract.stores.test_plans import ExplainingSession, history, parts
from tests.support.figures.derived_store import LATE, Opened, add_event
from tests.support.figures.histories import text

pytestmark = pytest.mark.matrix

DAY_3, DAY_5 = (to_us(parse(f"2026-03-{day}T00:00:00Z", "")) for day in (30, 31))
LISTS: dict[str, Wanted] = {
    "incident": Wanted({"incidentId": "i7"}),
    "repository": Wanted({"repo": "Larkspur/3"}),
    "repository and kind": Wanted({"repo": "larkspur/3", "kind": "deployed", "environment": ""}),
    "repository and incident": Wanted({"repo": "LARKSPUR/0", "incidentId": "i10", "kind": "incidentStarted"}),
    "period": Wanted(since=DAY_3, until=DAY_5),
    "period and kind": Wanted({"kind": "incidentStarted"}, since=DAY_3, until=DAY_5),
    "repository in a period": Wanted({"repo": "larkspur/3"}, since=DAY_3, until=DAY_5),
    "incident in a period": Wanted({"incidentId": "i7"}, since=DAY_3, until=DAY_5),
    "text in a period": Wanted(since=DAY_3, until=DAY_5, search="LARKSPUR/1"),
    "since a day": Wanted({"repo": "larkspur/3"}, since=DAY_3),
}
LISTS |= {f"{name}, by time": replace(wanted, order=HAPPENED) for name, wanted in LISTS.items()}
LISTS |= {
    "all by time": Wanted(order=HAPPENED),
    "a kind by time": Wanted({"kind": "deployed"}, order=HAPPENED),
}


# Some events happen at one moment, and arrive in another order than they happened.
HISTORY = sorted(
    ({**body, "time": text(int(body["id"][1:]) // 2)} for body in history()),
    key=lambda body: int(body["id"][1:]) * 7 % 3001,
)
READ = [(body, to_us(parse(body["time"], "")), json.dumps(body).lower()) for body in HISTORY]


class PlansOfSqlite:
    """A session that asks SQLite for the plan of each statement before it is run."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.plans: dict[str, list[str]] = {}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        rows = self._session.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        self.plans[statement] = [row[3] for row in rows]
        return self._session.execute(statement, parameters)


def explained(session: Any) -> Any:
    return ExplainingSession(session) if hasattr(session, "takes_lists") else PlansOfSqlite(session)


@pytest.fixture(scope="module")
def session(store: Opened) -> Any:
    database, session = store
    database.begin(session)
    for body in HISTORY:
        add_event(session, body, LATE)
    database.commit(session)
    return session


def listed(session: Any, wanted: Wanted) -> list[int]:
    found = list_events(session, Listing(9000, BEGINNING, wanted), after=BEGINNING, limit=9000)
    return [event.position.seq for event in found]


def newest(session: Any, wanted: Wanted) -> list[int]:
    return [event.seq for event in newest_events(session, wanted, limit=9000)][::-1]


@pytest.mark.parametrize("read", [listed, newest], ids=["listed", "newest"])
@pytest.mark.parametrize("name", LISTS)
def test_a_filter_is_looked_up(session: Any, name: str, read: Callable[..., list[int]]) -> None:
    """No statement reads all events, and those that are found are the ones that the filter is about."""
    wanted = LISTS[name]
    explaining = explained(session)
    assert read(explaining, wanted) == expected(wanted)
    for statement, plan in explaining.plans.items():
        if "WITH RECURSIVE" in statement:  # one step in an index for each spelling
            continue
        for how in ways(plan):
            assert any(column in how for column in ("repo", "incident", "kind")), (statement, plan)


@pytest.mark.parametrize("name", LISTS)
def test_pages_are_the_whole_list(session: Any, name: str) -> None:
    """Whatever the order, the pages of a list hold every wanted event once, forward and backward."""
    wanted = LISTS[name]
    whole, size = expected(wanted), 7 if len(expected(wanted)) < 100 else 1000
    after, before, forward, backward = BEGINNING, END, [], []
    while page := list_events(session, Listing(size, after, wanted), after=after, limit=size):
        forward += [event.position.seq for event in page]
        after = page[-1].position
    while shown := newest_events(session, wanted, before=before, limit=size):
        backward += [event.seq for event in shown]
        before = shown[-1].position
    assert (forward, backward[::-1]) == (whole, whole)


def test_a_long_period_is_read_in_the_order_of_arrival(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is the same, whether the events of its period are sorted or all events are read."""
    monkeypatch.setattr(listing, "NARROW", 5)
    for name, wanted in LISTS.items():
        assert (name, listed(session, wanted)) == (name, expected(wanted))
        assert (name, newest(session, wanted)) == (name, expected(wanted))


def ways(plan: list[str] | dict[str, Any]) -> Iterator[str]:
    """Yield how each reading of the events finds them, in the words of the database."""
    if isinstance(plan, list):
        yield from (line for line in plan if " events " in line)
        return
    for part in parts(plan):
        if part.get("Relation Name") == "events":
            yield part.get("Index Cond", "") + part.get("Recheck Cond", "")


def expected(wanted: Wanted) -> list[int]:
    def fits(body: dict[str, Any], at: int, written: str) -> bool:
        return (
            all(str(body.get(name, "")).lower() == value.lower() for name, value in wanted.filters.items())
            and (wanted.since is None or at >= wanted.since)
            and (wanted.until is None or at < wanted.until)
            and wanted.search.lower() in written
        )

    found = [(one[0]["time"], number) for number, one in enumerate(READ, 1) if fits(*one)]
    return [number for _, number in (sorted(found) if wanted.order == HAPPENED else found)]
