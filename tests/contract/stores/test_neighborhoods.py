"""Every part of the neighborhood of an event is needed: without it, some history is derived wrongly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.events.events import Event
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.update import failure_rows, incident_rows, lead_time_rows, neighbors
from gitdailies_webhooks.derived.update.neighbors import position_key

from tests.contract.stores.test_derived import SETTINGS, LivedStore, Opened, rolled_back
from tests.support.figures.histories import SHAS, text

HISTORIES = 400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path: Path = tmp_path_factory.mktemp("neighborhoods") / "w.db"
    create_key(path, "ci")
    database = SqliteDatabase(path)
    with closing(database.connect()) as session:
        assert rows.reset(session, SETTINGS, 1)
        yield database, session


def history(chance: random.Random) -> list[dict[str, Any]]:
    """Events of a day or four in one repository, where nearly all of them meet."""
    made = []
    deploys = chance.choice((0.6, 0.95))
    for number in range(chance.randint(8, 16)):
        event: dict[str, Any] = {
            "id": f"e{number * 7 % 61:02d}",
            "repo": chance.choice(("larkspur/shop", "Larkspur/Shop")),
            "service": chance.choice((None, None, None, "api", "API")),
            "time": text(chance.randint(0, 15) * 4),
        }
        if chance.random() < deploys:
            listed = [{"sha": sha, "time": text(-1)} for sha in chance.sample(SHAS, chance.randint(0, 2))]
            event |= {
                "kind": "deployed",
                "commitSHA": chance.choice(SHAS),
                "type": chance.choice((None, None, "rollback")),
                "commits": chance.choice((listed, listed, None)),
            }
        else:
            event |= {
                "kind": chance.choice(("incidentStarted", "incidentStarted", "incidentResolved")),
                "incidentId": chance.choice(("one", "two", "three")),
                "causedBy": chance.choice((None, None, *SHAS)),
            }
        made.append(Event.from_wire(event).to_wire())
    return made


def live(store: Opened, seed: int) -> None:
    """Add and delete random events, derive few or many in a step, and compare with the rows of all events."""
    chance = random.Random(seed)
    with rolled_back(store) as session:
        lived = LivedStore(session)
        for body in (events := history(chance)):
            if body["id"] in lived.left:  # it was added earlier, as a correction
                continue
            lived.add(body)
            if chance.random() < 0.2:
                continue
            lived.derive(chance.randint(1, 6))
            if chance.random() < 0.4:
                gone = lived.delete(chance.choice(sorted(lived.left)))
                then = chance.random()
                if then < 0.3:  # it is deleted in the step that adds the next one
                    continue
                if then < 0.6:  # it is corrected: sent again with another time or kind
                    lived.add({**chance.choice(events), "id": gone["id"]})
                lived.derive(chance.choice((1, 6)))
        lived.derive(6)


def test_whole_neighborhoods_derive_every_history_correctly(store: Opened) -> None:
    """With the whole neighborhood, each of these histories is derived correctly."""
    for seed in range(HISTORIES):
        live(store, seed)


def _nothing(*_: Any) -> Iterator[Any]:
    return iter(())


def _none(*_: Any) -> set[str]:
    return set()


def _no_later(*_: Any) -> tuple[()]:
    return ()


def _none_before(*given: Any) -> Any:
    return {key: side._replace(before=None) for key, side in _adjacent(*given).items()}


def _no_rollback_after(*given: Any) -> Any:
    return {
        key: side._replace(after=side.after and side.after._replace(rollback=False))
        for key, side in _adjacent(*given).items()
    }


def _none_arrived(sides: Any, _arrived: Any) -> Any:
    return sides


def _half_a_window(session: Any, positions: Any, sides: Any, window: int) -> Any:
    return _incidents_after(session, positions, sides, window // 2)


def _none_changed(*given: Any) -> set[str]:
    _attribute(*given)
    return set()


def _merged_sides_of_removed(sides: Any, merged: Any, arrived: Any, removed: Any) -> set[str]:
    keys = {position.key for position in removed}
    return _maybe_undone({**sides, **{key: merged[key] for key in keys}}, merged, arrived, removed)


def _merged_sides_of_arrived(sides: Any, merged: Any, arrived: Any, removed: Any) -> set[str]:
    keys = {position_key(deploy) for deploy in arrived}
    return _maybe_undone({**sides, **{key: merged[key] for key in keys}}, merged, arrived, removed)


_adjacent, _incidents_after = neighbors.adjacent, neighbors.incidents_after
_attribute, _maybe_undone = incident_rows.attribute, failure_rows.maybe_undone

PLANTS: dict[str, tuple[Any, str, Any]] = {
    "incidents after a deploy": (neighbors, "incidents_after", _nothing),
    "the whole of the window": (neighbors, "incidents_after", _half_a_window),
    "incidents that name its commits": (neighbors, "incidents_caused_by", _nothing),
    "later deploys, and the next first one": (lead_time_rows, "_later_deploys", _no_later),
    "the deploy before, and what a rollback undoes": (neighbors, "adjacent", _none_before),
    "the rollback after": (neighbors, "adjacent", _no_rollback_after),
    "neighbors that arrived with it": (neighbors, "merge_arrived", _none_arrived),
    "what an arrived or deleted rollback undoes": (failure_rows, "maybe_undone", _none),
    "the old neighbors of deleted deploys": (failure_rows, "maybe_undone", _merged_sides_of_removed),
    "the old neighbors of arrived deploys": (failure_rows, "maybe_undone", _merged_sides_of_arrived),
    "the deploys that incidents were attributed to": (incident_rows, "attribute", _none_changed),
    "incidents of a failed deploy": (neighbors, "incidents_attributed_to", _nothing),
}


@pytest.mark.parametrize("part", PLANTS)
def test_no_part_can_be_left_out(store: Opened, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a part of the neighborhood, at least one of these histories is derived wrongly."""
    module, name, plant = PLANTS[part]
    monkeypatch.setattr(module, name, plant)
    for seed in range(HISTORIES):
        try:
            live(store, seed)
        except AssertionError:
            return
    pytest.fail(f"{part}: expected a history that goes wrong without it, got none of {HISTORIES}")
