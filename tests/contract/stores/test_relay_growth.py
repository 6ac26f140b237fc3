"""What a delivery and an attempt read does not grow with all that is stored."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gitdailies_core.sources.protocol import RESOLVED, STARTED, UPDATED
from gitdailies_relay.accepting.acceptance import Delivery, accept
from gitdailies_relay.store import outbox, store
from gitdailies_server.storage.database import Database, Session, transaction
from gitdailies_server.storage.timestamps import now_us

from tests.contract.stores.test_writers_together import merged
from tests.support import databases
from tests.support.relay.bench import BEGAN, delivery

pytestmark = pytest.mark.matrix

FEW, MANY, AT_ONCE = 60, 6000, 200
REPEATED = delivery("repeated", STARTED, BEGAN)
_READ = (
    "SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)"
    " + pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace"
)

Work = Callable[[Database, Session], object]


def accepting(*deliveries: Delivery) -> Work:
    return lambda database, session: accept(store.acceptance_store(database, session), deliveries)


def attempting(verdict: str) -> Work:
    return lambda _, session: outbox.record(
        session, [outbox.Attempt(9, now_us(), 202, verdict, "", now_us())]
    )


def ready(**chosen: Any) -> Work:
    return lambda database, session: outbox.ready(
        session, database.as_bytes, now_us(), now_us(), 16, **chosen
    )


def dead_lettering(database: Database, session: Session) -> None:
    attempting(outbox.DEAD_LETTER)(database, session)
    outbox.requeue(session, 9, now_us())


WORKS: dict[str, Work] = {
    **{state: accepting(delivery("I7", state, BEGAN)) for state in (STARTED, UPDATED, RESOLVED)},
    "the first of an incident": accepting(delivery("new", STARTED, BEGAN)),
    "a merge": accepting(merged("I8", "I9")),
    "a repeat": accepting(REPEATED),
    **{f"an attempt: {verdict}": attempting(verdict) for verdict in outbox.VERDICTS},
    "what is ready": ready(),
    "what is ready, never tried": ready(tried=False),
    "what is ready, the newest": ready(tried=False, newest=True),
    "what is ready, tried before": ready(tried=True),
    "the end of an outage": lambda _, session: outbox.forgive(session, ()),
    "a dead letter that is requeued": dead_lettering,
}


@pytest.fixture(scope="module", params=databases.KINDS)
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A store with few incidents, and one with many."""
    with (
        databases.opened(request.param, tmp_path_factory.mktemp("few")) as few,
        databases.opened(request.param, tmp_path_factory.mktemp("many")) as many,
    ):
        yield filled(few(), FEW), filled(many(), MANY)


def filled(database: Database, incidents: int) -> Database:
    store.migrate(database)
    deliveries = [delivery(f"I{number}", STARTED, BEGAN) for number in range(incidents)]
    with transaction(database) as session:
        accept(store.acceptance_store(database, session), [REPEATED])
        for first in range(0, incidents, AT_ONCE):
            accept(store.acceptance_store(database, session), deliveries[first : first + AT_ONCE])
        # Without statistics, the plan depends on whether the server has gathered some by itself by then.
        session.execute("ANALYZE")
    return database


def cost(database: Database, work: Work) -> int:
    """Count what a database does: instructions of SQLite's machine, rows and pages that PostgreSQL reads."""
    session: Any = database.connect()
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    try:
        database.begin(session)
        if database.is_local:
            session.set_progress_handler(step, 1)
        work(database, session)
        return steps if database.is_local else int(session.execute(_READ).fetchone()[0])
    finally:
        database.rollback(session)
        session.close()


@pytest.mark.parametrize("name", WORKS)
def test_a_hundred_times_as_much_stored_costs_nothing(stores: tuple[Database, Database], name: str) -> None:
    """A batch over 6,000 incidents reads what it reads over 60."""
    few, many = (cost(database, WORKS[name]) for database in stores)
    assert many <= few * 1.2 + 20
