"""What the sender asks PostgreSQL for, before each request, while very many events wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_relay.store import outbox, store
from gitdailies_server.storage.database import Database, Session, transaction
from gitdailies_server.storage.timestamps import now_us

from tests.support.databases import postgresql_url

WAITING, TRIED, MOST = 20_000, 200, 50
NUMBERS = f"FROM generate_series(1, {WAITING}) AS n(i)"
FILL = (
    (
        "INSERT INTO events (id, destination, source, incident, delivery, stored_at, body)"
        f" SELECT 'e' || i, 'default', 'pagerduty', 'W' || i, 'd', i, '{{}}' {NUMBERS}"
    ),
    (
        "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts) SELECT i, 'default',"
        f" 'default/pagerduty/W' || i, 1, i, CASE WHEN i <= {TRIED} THEN 9 ELSE 0 END {NUMBERS}"
    ),
    "ANALYZE",
)


class MeasuringSession:
    """A session that runs each statement once more, and notes the most rows that a step of it read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.most_rows = 0

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        row = self._session.execute(explained, parameters).fetchone()
        self._note(row[0][0]["Plan"])
        return self._session.execute(statement, parameters)

    def _note(self, step: dict[str, Any]) -> None:
        rows = step["Actual Rows"] + step.get("Rows Removed by Filter", 0)
        self.most_rows = max(self.most_rows, rows * step["Actual Loops"])
        for inner in step.get("Plans", ()):
            self._note(inner)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Session]]:
    folder: Path = tmp_path_factory.mktemp("ready")
    with postgresql_url() as url:
        database = store.database_of(StoreSetting.parse(url, folder))
        store.migrate(database)
        with transaction(database) as session:
            for statement in FILL:
                session.execute(statement)
        with closing(database.connect()) as session:
            yield database, session


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("tried", [None, False, True])
def test_the_next_events_are_read_without_the_others_that_wait(
    filled: tuple[Database, Session], tried: bool | None, newest: bool
) -> None:
    """However many events wait, no step of the question reads many more than it asks for."""
    database, session = filled
    measuring = MeasuringSession(session)
    now = now_us()

    ready = outbox.ready(
        cast(Session, measuring),  # only `execute` is needed
        database.as_bytes,
        now,
        now,
        MOST,
        tried=tried,
        newest=newest,
    )

    assert len(ready) == MOST
    assert measuring.most_rows <= TRIED + MOST
