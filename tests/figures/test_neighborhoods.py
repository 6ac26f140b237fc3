"""Every part of the neighborhood of an event is needed: without it a history is soon derived wrongly."""

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
from gitdailies_webhooks.derived import failure_rows, incident_rows, lead_time_rows, neighbors, rows
from gitdailies_webhooks.derived.neighbors import position_of

from tests.figures.histories import SHAS, text
from tests.figures.test_derived import SETTINGS, Lived, Opened, undone

HISTORIES = 400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path: Path = tmp_path_factory.mktemp("neighborhoods") / "w.db"
    create_key(path, "ci")
    database = SqliteDatabase(path)
    with closing(database.connect()) as session:
        assert rows.settle(session, SETTINGS, 1)
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
    """Let events come and go by chance, derived few or many in a turn, and hold the rows to those of all."""
    chance = random.Random(seed)
    with undone(store) as session:
        lived = Lived(session)
        for body in (events := history(chance)):
            if body["id"] in lived.left:  # it came before its turn
                continue
            lived.put(body)
            if chance.random() < 0.2:
                continue
            lived.settle_in(chance.randint(1, 6))
            if chance.random() < 0.4:
                gone = lived.take(chance.choice(sorted(lived.left)))
                then = chance.random()
                if then < 0.3:  # it goes in a turn with what comes next
                    continue
                if then < 0.6:  # it is corrected, to another time or kind
                    lived.put({**chance.choice(events), "id": gone["id"]})
                lived.settle_in(chance.choice((1, 6)))
        lived.settle_in(6)


def test_whole_neighborhoods_derive_every_history_rightly(store: Opened) -> None:
    """None of the histories below is derived wrongly as things are."""
    for seed in range(HISTORIES):
        live(store, seed)


def _nothing(*_: Any) -> Iterator[Any]:
    return iter(())


def _none(*_: Any) -> set[str]:
    return set()


def _no_later(*_: Any) -> tuple[()]:
    return ()


def _none_before(*given: Any) -> Any:
    return {where: side._replace(before=None) for where, side in _beside(*given).items()}


def _no_rollback_after(*given: Any) -> Any:
    return {
        where: side._replace(after=side.after and side.after._replace(rollback=False))
        for where, side in _beside(*given).items()
    }


def _none_arrived(sides: Any, _arrived: Any) -> Any:
    return sides


def _half_a_window(session: Any, spots: Any, sides: Any, window: int) -> Any:
    return _between(session, spots, sides, window // 2)


def _none_changed(*given: Any) -> set[str]:
    _lay(*given)
    return set()


def _beside_those_that_went(there: Any, sides: Any, arrived: Any, gone: Any) -> set[str]:
    return _undone({**there, **{spot.where: sides[spot.where] for spot in gone}}, sides, arrived, gone)


def _beside_those_that_came(there: Any, sides: Any, arrived: Any, gone: Any) -> set[str]:
    came = {position_of(deploy) for deploy in arrived}
    return _undone({**there, **{where: sides[where] for where in came}}, sides, arrived, gone)


_beside, _between, _lay = neighbors.beside, neighbors.incidents_between, incident_rows.lay
_undone = failure_rows.undone

PLANTS: dict[str, tuple[Any, str, Any]] = {
    "incidents after a deploy": (neighbors, "incidents_between", _nothing),
    "the whole of the window": (neighbors, "incidents_between", _half_a_window),
    "incidents that name its commits": (neighbors, "incidents_blaming", _nothing),
    "later deploys, and the next first one": (lead_time_rows, "_later", _no_later),
    "the deploy before, and what a rollback undoes": (neighbors, "beside", _none_before),
    "the rollback after": (neighbors, "beside", _no_rollback_after),
    "those that arrived beside it": (neighbors, "joined", _none_arrived),
    "what a rollback that came or went undoes": (failure_rows, "undone", _none),
    "what was beside those that went": (failure_rows, "undone", _beside_those_that_went),
    "what was beside those that came": (failure_rows, "undone", _beside_those_that_came),
    "what the incidents were laid to": (incident_rows, "lay", _none_changed),
    "incidents of a failed deploy": (neighbors, "incidents_laid_to", _nothing),
}


@pytest.mark.parametrize("part", PLANTS)
def test_no_part_can_be_left_out(store: Opened, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part of the neighborhood is left out, one of those histories is derived wrongly."""
    room, name, plant = PLANTS[part]
    monkeypatch.setattr(room, name, plant)
    for seed in range(HISTORIES):
        try:
            live(store, seed)
        except AssertionError:
            return
    pytest.fail(f"{part}: expected a history that goes wrong without it, got none of {HISTORIES}")
