"""How a database is asked about the events of a submission."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.events import queries
from gitdailies_server.storage.database import Database

from tests.support.databases import KINDS, opened
from tests.support.dora.payloads import body
from tests.unit.dora.test_intake import NOW, read


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    with opened(str(request.param), tmp_path, "gitdailies_webhooks") as found:
        yield found


def test_lists_of_any_length_are_known_by_one_prepared_statement(
    database: Callable[[], Database],
) -> None:
    """Each event of a list is found again, and PostgreSQL prepares one statement for lists of any length."""
    key = create_key(database(), "ci", ["send"])[1]
    lists = [[body("deploy", id=f"{size}-{n}") for n in range(size)] for size in (1, 2, 3, 7, 499, 501)]
    with closing(database().connect()) as session:
        for expected in ("created", "unchanged"):
            for events in lists:
                database().begin(session)
                outcomes = queries.accept(
                    session, read(events), key=key, now=NOW, strict_order=False, arrivals=[]
                )
                database().commit(session)
                assert outcomes is not None
                assert {outcome.status for outcome in outcomes} == {expected}
        if not database().is_local:
            query = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%digest%FROM events%'"
            assert len(session.execute(query).fetchall()) == 1
