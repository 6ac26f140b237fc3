"""The list of deliveries: found by an index in any store, and what is listed is what the rows say."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import RelaySettings, StoreSetting
from gitdailies_core.sources.protocol import STARTED
from gitdailies_core.values.erased_text import ErasedText
from gitdailies_relay.accepting.acceptance import accept
from gitdailies_relay.operations import deliveries, reading
from gitdailies_relay.operations.deliveries import DeliveryChoice, place_of
from gitdailies_relay.operations.erase import erase
from gitdailies_relay.operations.outcomes import OUTCOMES, outcome_of
from gitdailies_relay.store import refusals, retention, store
from gitdailies_relay.store.refusals import RefusedRequest
from gitdailies_server.storage.database import Database, transaction
from gitdailies_server.storage.erasing import Erasure
from gitdailies_server.storage.timestamps import from_us, to_us

from tests.contract.stores.test_list_plans import explained
from tests.contract.stores.test_plans import parts
from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.relay.bench import BEGAN, delivery

pytestmark = pytest.mark.matrix

MANY = 130
LARGE = ("deliveries", "quarantine", "ignored", "events", "attempts")


@pytest.fixture(scope="module", params=databases.KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with databases.opened(request.param, tmp_path_factory.mktemp("listed"), tables=RELAY) as opened:
        made: Database = opened()
        with transaction(made) as session:
            accept(
                store.acceptance_store(made, session),
                [delivery(f"I{number}", STARTED, BEGAN) for number in range(MANY)],
            )
            # Every tenth is a dead letter, and every seventh of the others was taken.
            session.execute("UPDATE outbox SET dead_letter = 'refused', is_next = 0 WHERE seq % 10 = 0")
            session.execute("DELETE FROM outbox WHERE dead_letter IS NULL AND seq % 7 = 0")
        yield made


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few at once, so that a small store has several groups and pages."""
    monkeypatch.setattr(reading, "_NEIGHBORS", 30)
    monkeypatch.setattr(reading, "_OTHERS", 5)
    monkeypatch.setattr(deliveries, "MOST_CHOSEN", 50)


def listed(session: Any, choice: DeliveryChoice) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = deliveries.page(session, choice, limit=40, after=after)
        found += [one.id for one in page.deliveries]
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("outcome", [None, *OUTCOMES])
def test_every_delivery_is_listed_once_by_its_outcome(database: Database, outcome: str | None) -> None:
    """The pages of a list have each delivery of the outcome once, the newest first."""
    with closing(database.connect()) as session:
        ids = [id_ for (id_,) in session.execute("SELECT delivery FROM deliveries ORDER BY seq").fetchall()]
        every = list(filter(None, (reading.facts_of(session, id_) for id_ in ids)))
        wanted = [one.delivery for one in every if outcome in (None, outcome_of(one).word)]
        assert listed(session, DeliveryChoice(outcome=outcome)) == sorted(wanted, reverse=True)
        chosen, more = deliveries.chosen_ids(session, DeliveryChoice(outcome=outcome))
        assert chosen == sorted(wanted)[: deliveries.MOST_CHOSEN]
        assert more == (len(wanted) > deliveries.MOST_CHOSEN)


@pytest.mark.parametrize("outcome", [None, *OUTCOMES])
def test_a_page_reads_no_table_as_a_whole(database: Database, outcome: str | None) -> None:
    """Each statement of a page finds its rows in an index."""
    with closing(database.connect()) as session:
        explaining = explained(session)
        deliveries.page(explaining, DeliveryChoice(outcome=outcome), limit=20)
        for statement, plan in explaining.plans.items():
            if isinstance(plan, list):
                scans = [line for line in plan if line.startswith("SCAN") and "INDEX" not in line]
                assert not [line for line in scans if any(f" {table}" in line for table in LARGE)], statement
            else:
                kinds = {part.get("Node Type") for part in parts(plan) if part.get("Relation Name") in LARGE}
                assert "Seq Scan" not in kinds, statement


def test_a_search_stops_where_it_says(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no index finds is looked for among a bounded number, and the next page goes on from there."""
    monkeypatch.setattr(deliveries, "MOST_LOOKED_AT", 60)
    with closing(database.connect()) as session:
        choice = DeliveryChoice(q="no such text")
        first = deliveries.page(session, choice)
        assert (first.deliveries, first.looked_back_to is not None) == ((), True)
        second = deliveries.page(session, choice, after=first.next)
        third = deliveries.page(session, choice, after=second.next)
        assert first.next is not None
        assert second.next is not None
        assert (second.next < first.next, third.next) == (True, None)


def test_refusals_add_up_within_an_hour(database: Database) -> None:
    """The same fault is one group for as long as it goes on; after an hour without it, another begins."""
    wrong, hour = RefusedRequest(401, "pagerduty", "192.0.2.7", "no signature"), refusals.APART_US
    with transaction(database) as session:
        session.execute("DELETE FROM refusals")
        for at, count in ((hour, 2), (2 * hour, 3), (3 * hour + 1, 4)):
            refusals.write(session, {wrong: count}, at)
        refusals.write(session, {wrong._replace(client="192.0.2.8"): 1}, 2 * hour)
    with closing(database.connect()) as session:
        found = refusals.page(session, limit=2, source="pagerduty")
        assert found.next is not None
        rest = refusals.page(session, limit=2, before=place_of(found.next, "after"))
    assert rest.next is None
    assert [
        (one.client, one.requests, to_us(one.first_at), to_us(one.last_at))
        for one in (*found.refusals, *rest.refusals)
    ] == [
        ("192.0.2.7", 4, 3 * hour + 1, 3 * hour + 1),
        ("192.0.2.8", 1, 2 * hour, 2 * hour),
        ("192.0.2.7", 5, hour, 2 * hour),
    ]


def test_refusals_are_kept_for_a_time_and_up_to_a_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups older than `quarantine_days` expire, and of the others all but the newest."""
    monkeypatch.setattr(retention, "MOST_REFUSALS", 2)
    now, day = 10**15, 86_400_000_000
    settings = RelaySettings(StoreSetting("sqlite"), quarantine_days=30)
    with transaction(database) as session:
        session.execute("DELETE FROM refusals")
        for days in (40, 3, 2, 1):
            refusals.write(session, {RefusedRequest(401, "pagerduty", f"{days}", ""): 1}, now - days * day)
        expired = retention.find_expired(session, settings, now)
        retention.delete_expired(session, {k: rows for k, rows in expired.items() if "refusals" in k})
        rest = refusals.page(session, limit=10).refusals
    assert [one.client for one in rest] == ["1", "2"]


def test_old_refusals_are_erased(database: Database) -> None:
    """`gitdailies erase --before` takes refused requests with it, and a text out of their addresses."""
    with transaction(database) as session:
        session.execute("DELETE FROM refusals")
        refusals.write(session, {RefusedRequest(401, "pagerduty", "192.0.2.7", "old"): 1}, 1000)
        refusals.write(session, {RefusedRequest(401, "pagerduty", "192.0.2.7", "new"): 1}, 10**15)
    erase(database, Erasure(before=from_us(2000)))
    erase(database, Erasure(text=ErasedText.make("192.0.2.7")))
    with closing(database.connect()) as session:
        rest = refusals.page(session, limit=10).refusals
    assert [(one.reason, "192.0.2.7" in (one.client or "")) for one in rest] == [("new", False)]
