"""How a database is asked about the events of a submission."""

from collections.abc import Callable
from contextlib import closing

from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.events import queries
from gitdailies_server.storage.database import Database

from tests.support.dora.payloads import body
from tests.unit.dora.test_intake import NOW, read


def test_each_event_of_a_list_of_any_length_is_known(database: Callable[[], Database]) -> None:
    """Each event of a list is found again, however long the list is."""
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
