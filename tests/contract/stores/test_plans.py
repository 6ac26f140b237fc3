"""How PostgreSQL looks up the neighborhood of an event, even without statistics of its tables."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived.model import rows as derived
from gitdailies_dora.derived.update.advance import advance
from gitdailies_dora.sql.database import database_of
from gitdailies_server.storage.postgresql import PostgresqlSession

from tests.contract.stores.test_derived import LATE, SETTINGS, add_event, delete_event
from tests.support.databases import postgresql_url
from tests.support.empty_stores import DORA
from tests.support.figures.histories import text

EVENTS, AT_ONCE = 3000, 200
# A table of one row, without an index, one of the few corrections that people make, and the names of all
# repositories, once a step: read as a whole.
READ_AS_A_WHOLE = ("figures_read", "corrections", "repositories")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    with postgresql_url(DORA) as url:
        database = database_of(StoreSetting.parse(url, tmp_path))
        create_key(database, "ci")
        with closing(database.connect()) as session:
            database.begin(session)
            assert derived.reset(session, SETTINGS, 1)
            yield session


class ExplainingSession:
    """A session that asks PostgreSQL for the plan of each statement before it is run."""

    takes_lists = True

    def __init__(self, session: PostgresqlSession) -> None:
        self._session = session
        self.plans: dict[str, dict[str, Any]] = {}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        row = self._session.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
        assert row is not None
        self.plans[statement] = dict(row[0][0]["Plan"])
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
    made: list[dict[str, Any]] = []
    for number in range(EVENTS):
        where: dict[str, Any] = {
            "id": f"e{number}",
            "repo": f"larkspur/{number // 3 % 20}",
            "time": text(number),
        }
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


def test_no_statement_of_an_update_scans_a_table(session: PostgresqlSession) -> None:
    """However many events a step has, it looks each of them up in an index: it scans no table."""
    events = history()
    for body in events:
        add_event(session, body, LATE)
    for _ in range(EVENTS // AT_ONCE - 1):
        advance(session, SETTINGS, LATE, AT_ONCE)
    for body in events[:40]:
        delete_event(session, body, LATE)
    explaining: Any = ExplainingSession(session)
    assert advance(explaining, SETTINGS, LATE, AT_ONCE).events == AT_ONCE
    assert len(explaining.plans) > 10
    # A commit is found by its SHA in an index, and not among all deploys of an environment.
    of_deploys = [
        part.get("Filter", "")
        for plan in explaining.plans.values()
        for part in parts(plan)
        if part.get("Relation Name") == "figures_deploys"
    ]
    assert [read for read in of_deploys if "(sha = given.sha)" in read] == []
    for statement, plan in explaining.plans.items():
        for part in parts(plan):
            kind = part["Node Type"]
            assert kind not in ("Hash Join", "Merge Join"), (statement, plan)
            if part.get("Relation Name") not in (None, *READ_AS_A_WHOLE) and "Scan" in kind:
                assert "Index Cond" in part, (statement, plan)


@pytest.mark.parametrize(
    ("name", "value"),
    [("jit", "off"), ("max_parallel_workers_per_gather", "0"), ("enable_bitmapscan", "off")],
)
def test_a_receiver_has_its_own_planner_settings(session: PostgresqlSession, name: str, value: str) -> None:
    """A session of a receiver uses no JIT, starts no processes, and reads in the order of an index."""
    assert session.execute(f"SHOW {name}").fetchone() == (value,)
