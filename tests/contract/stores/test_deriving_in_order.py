"""What a step asks the store about events that come in order: little, however many there are of a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.update import earlier, incident_rows
from gitdailies_dora.derived.update.advance import advance
from gitdailies_dora.sql.bulk import Lookup, lookup_many
from gitdailies_server.storage.database import Session

from tests.contract.stores.test_deriving_work import at_random, deploys
from tests.support.databases import KINDS, opened
from tests.support.figures.derived_store import LATE, SETTINGS, add_event, rolled_back

EVENTS = 60


@pytest.fixture(params=KINDS)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with opened(str(request.param), tmp_path, "gitdailies_webhooks") as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            assert rows.reset(session, SETTINGS, 1)
            with rolled_back((database(), session)) as inside:
                yield inside


def asked(
    session: Session, monkeypatch: pytest.MonkeyPatch, bodies: Sequence[dict[str, Any]]
) -> Counter[Any]:
    """Derive events in one step; return how many rows each look-up was given."""
    given: Counter[Any] = Counter()

    def counting(session: Session, columns: str, asked: Sequence[Any], lookup: Lookup | str) -> Iterator[Any]:
        given[lookup] += len(asked)
        return lookup_many(session, columns, asked, lookup)

    for module in (earlier, incident_rows):
        monkeypatch.setattr(module, "lookup_many", counting)
    for body in bodies:
        add_event(session, body, LATE)
    assert advance(session, SETTINGS, LATE, EVENTS).events == len(bodies)
    return given


def test_deploys_in_order_ask_once_what_is_stored_of_their_place(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind all that is stored, one look-up a place serves a step, and none asks for incidents."""
    bodies = list(deploys(EVENTS, at_random))
    asked(session, monkeypatch, bodies[: EVENTS // 2])
    given = asked(session, monkeypatch, bodies[EVENTS // 2 :])
    assert given[statements.DEPLOYS_AROUND] == 1
    assert given[statements.DEPLOYS_AFTER] == given[statements.INCIDENTS_BETWEEN] == 0


def test_deploys_between_stored_ones_are_asked_for_one_by_one(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored deploy may lie between any two that come late; the stored ones are derived again."""
    bodies = list(deploys(EVENTS, at_random))
    asked(session, monkeypatch, bodies[::2])
    given = asked(session, monkeypatch, bodies[1::2])
    assert given[statements.DEPLOYS_AROUND] > EVENTS // 2
