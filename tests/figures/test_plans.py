"""How PostgreSQL looks for what stands near an event, also where it knows nothing of its tables yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.settings import Store
from gitdailies_server.database import Session
from gitdailies_webhooks import derived
from gitdailies_webhooks.deriving import advance
from gitdailies_webhooks.keyring import create_key
from gitdailies_webhooks.opening import database_of

from tests.databases import postgresql_url
from tests.figures.histories import text
from tests.figures.test_derived import LATE, SETTINGS, put, take

EVENTS, AT_ONCE = 3000, 200
# It has one row, and no index.
ONE_ROW = "figures_read"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with postgresql_url() as url:
        database = database_of(Store.parse(url, tmp_path))
        create_key(database, "ci")
        with closing(database.connect()) as session:
            assert derived.settle(session, SETTINGS, 1)
            yield session


class Heard:
    """A session that says how each of its statements is going to be run."""

    takes_lists = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self.plans: dict[str, dict[str, Any]] = {}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        row = self._session.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
        self.plans[statement] = row[0][0]["Plan"]
        return self._session.execute(statement, parameters)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> Any:
        for row in rows:
            self.execute(statement, row)

    def close(self) -> None:
        self._session.close()


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from parts(part)


def history() -> list[dict[str, Any]]:
    """Deploys of twenty repositories, every sixth with an incident after it."""
    made = []
    for number in range(EVENTS):
        where = {"id": f"e{number}", "repo": f"larkspur/{number // 3 % 20}", "time": text(number)}
        sha = f"{number * 2654435761 % 2**32:08x}"
        incident = {**where, "incidentId": f"i{number // 6}"}
        if number % 6 == 4:
            made.append({**incident, "kind": "incidentStarted", "causedBy": sha if number % 4 else None})
        elif number % 6 == 5:
            made.append({**incident, "kind": "incidentResolved"})
        else:
            listed = [{"sha": sha, "time": text(number - 60)}]
            made.append({**where, "kind": "deployed", "commitSHA": sha, "commits": listed})
    return [{name: value for name, value in body.items() if value is not None} for body in made]


def test_no_question_of_deriving_goes_through_a_table(session: Session) -> None:
    """However many events are looked at, each is looked up in an index: no table is read as a whole."""
    events = history()
    for body in events:
        put(session, body, LATE)
    for _ in range(EVENTS // AT_ONCE - 1):
        advance(session, SETTINGS, LATE, AT_ONCE)
    for body in events[:40]:
        take(session, body, LATE)
    heard = Heard(session)
    assert advance(heard, SETTINGS, LATE, AT_ONCE).events == AT_ONCE
    assert len(heard.plans) > 15
    for statement, plan in heard.plans.items():
        for part in parts(plan):
            kind = part["Node Type"]
            assert kind not in ("Hash Join", "Merge Join"), (statement, plan)
            if part.get("Relation Name") not in (None, ONE_ROW) and "Scan" in kind:
                assert "Index Cond" in part, (statement, plan)


@pytest.mark.parametrize(
    ("name", "value"),
    [("jit", "off"), ("max_parallel_workers_per_gather", "0"), ("enable_bitmapscan", "off")],
)
def test_a_receiver_plans_for_what_it_asks(session: Session, name: str, value: str) -> None:
    """A session of a receiver compiles nothing, starts no processes, and reads in the order of an index."""
    assert session.execute(f"SHOW {name}").fetchone() == (value,)
