"""How PostgreSQL looks for what stands near an event, also where it knows nothing of its tables yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gitdailies_connection.config.settings import StoreSetting
from gitdailies_server.storage.postgresql import PostgresqlSession
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived import rows as derived
from gitdailies_webhooks.derived.update import advance
from gitdailies_webhooks.sql.database import database_of

from tests.databases import postgresql_url
from tests.figures.histories import text
from tests.figures.test_derived import LATE, SETTINGS, put, take

EVENTS, AT_ONCE = 3000, 200
# It has one row, and no index.
ONE_ROW = "figures_read"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PostgresqlSession]:
    with postgresql_url() as url:
        database = database_of(StoreSetting.parse(url, tmp_path))
        create_key(database, "ci")
        with closing(database.connect()) as session:
            assert derived.settle(session, SETTINGS, 1)
            yield session


class Heard:
    """A session that says how each of its statements is going to be run."""

    takes_lists = True

    def __init__(self, session: PostgresqlSession) -> None:
        self._session = session
        self.plans: dict[str, dict[str, Any]] = {}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        listed = any(isinstance(value, list) for value in parameters)
        self.plans[statement] = (self._planned if listed else self._kept)(statement, parameters)
        return self._session.execute(statement, parameters)

    def _planned(self, statement: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """Return the plan that is made for these values, as it is for each run of one with lists."""
        row = self._session.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
        return dict(row[0][0]["Plan"])

    def _kept(self, statement: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """Return the plan for any values, which PostgreSQL may turn to after five runs of a statement."""
        first, *others = statement.split("?")
        numbered = first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))
        values = f"({', '.join(['%s'] * len(parameters))})" if parameters else ""
        self._session.execute("SET plan_cache_mode = force_generic_plan")
        self._session.execute(f"PREPARE asked AS {numbered}")
        # What a statement is executed with cannot be parameters of another one.
        asking = psycopg.ClientCursor(self._session.connection)
        row = asking.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked{values}", parameters).fetchone()
        self._session.execute("DEALLOCATE asked")
        self._session.execute("RESET plan_cache_mode")
        return dict(row[0][0]["Plan"])

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


def test_no_question_of_deriving_goes_through_a_table(session: PostgresqlSession) -> None:
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
    # Plans for any values, and plans for these, are among them.
    conditions = [part.get("Index Cond", "") for plan in heard.plans.values() for part in parts(plan)]
    assert {"$1" in condition for condition in conditions if condition} == {True, False}
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
def test_a_receiver_plans_for_what_it_asks(session: PostgresqlSession, name: str, value: str) -> None:
    """A session of a receiver compiles nothing, starts no processes, and reads in the order of an index."""
    assert session.execute(f"SHOW {name}").fetchone() == (value,)
