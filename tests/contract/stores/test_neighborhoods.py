"""An update derives again what its events may change: here nearly all events are neighbors."""

import random
from typing import Any

import pytest
from gitdailies_core.events.events import Event
from gitdailies_dora.derived.update import advance
from gitdailies_server.storage.timestamps import to_us

from tests.contract.stores.test_derived import (
    SAME_COMMIT,
    SETTINGS,
    LivedStore,
    Opened,
    agree,
    rolled_back,
)
from tests.support.figures.histories import SHAS, text
from tests.support.forms import short_and_long

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True, scope="module")

HOURS = (0, 1, 1, 2, 3, 5, 8, 9)


def history(chance: random.Random) -> list[dict[str, Any]]:
    """Events of a day or two in few targets, where nearly all of them meet."""
    shas = chance.sample(SHAS, chance.randint(1, len(SHAS)))
    crowded = chance.random() < 0.7
    services = (None, None, None, "api", "API", *(["web"] * (chance.random() < 0.3)))
    made = []
    for number in range(chance.randint(6, 26)):
        second = chance.choice((0, 0, 1, 600))
        event: dict[str, Any] = {
            "id": f"e{number * 7 % 61:02d}",
            "repo": "larkspur/shop" if crowded else chance.choice(("larkspur/shop", "Larkspur/Shop", "x/y")),
            "service": chance.choice(services),
            "environment": chance.choice((None, None, "prod", "production", None if crowded else "staging")),
            "time": text(chance.choice(HOURS) * chance.choice((1, 4)) + second / 3600),
        }
        if chance.random() < 0.75:
            listed = [{"sha": sha, "time": text(-1)} for sha in chance.sample(SHAS, chance.randint(0, 3))]
            event |= {
                "kind": "deployed",
                "commitSHA": chance.choice(shas),
                "run": chance.choice((None, "ci:1", "ci:2", "ci:3", "cd:3")),
                "attempt": chance.choice((None, "1", "2")),
                "reporter": chance.choice((None, "step", "relay/x", "relay/y")),
                "trigger": chance.choice((None, "push")),
                "type": chance.choice((None, None, None, "rollback", "hotfix")),
                "reverts": chance.choice((None, None, [chance.choice(shas)])),
                "commits": chance.choice((listed, listed, None)),
            }
        else:
            event |= {
                "kind": chance.choice(("incidentStarted", "incidentStarted", "incidentResolved")),
                "incidentId": chance.choice(("one", "two", "three")),
                "causedBy": chance.choice((None, None, *shas, shas[0][:9])),
            }
        made.append(Event.from_wire({k: v for k, v in event.items() if v is not None}).to_wire())
    return made


def live(store: Opened, seed: int) -> None:
    """Add and delete random events, derive few or many in a step, and compare with the rows of all events."""
    chance = random.Random(seed)
    with rolled_back(store) as session:
        lived = LivedStore(session, chance.choice((SETTINGS, SETTINGS, SAME_COMMIT)))
        for body in (events := history(chance)):
            if body["id"] in lived.left:  # it was added earlier, as a correction
                continue
            lived.add(body)
            if chance.random() < 0.5:
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
        moment = Event.from_wire({**events[0], "time": text(chance.randint(0, 36))}).time
        agree(session, lived.left.values(), to_us(moment), lived.chosen)


@short_and_long("count", short=20, long=3000, seconds=lambda count: 60 + count)
def test_whole_neighborhoods_derive_every_history_correctly(store: Opened, count: int) -> None:
    """With the whole neighborhood, each of these histories is derived correctly, at any moment."""
    for seed in range(count):
        live(store, seed)


def test_what_one_step_leaves_over_is_derived_by_the_next(
    store: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one round of dependents a step, and none at once, the last step still derives all of them."""
    monkeypatch.setattr(advance, "_ROUNDS", 1)
    monkeypatch.setattr(advance, "_MOST_AGAIN", 0)
    # In 96, the latest deploy of a target is left over: its commit is not the first any more.
    for seed in (*range(10), 96):
        live(store, seed)
