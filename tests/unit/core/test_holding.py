"""Starts that are held: what becomes of the events of a decision at a source with a hold."""

from datetime import timedelta

import pytest
from gitdailies_core.incidents.holding import hold_starts, shown
from gitdailies_core.incidents.records import Decision
from gitdailies_core.reasons import HOLD
from gitdailies_core.sources.protocol import Change

from tests.support.core.lives import CHECKOUT, LEDGER, Relay, merged, resolved, short, started

SOURCE = "pagerduty"
SEVEN = timedelta(minutes=7)


class Holding:
    """Collects what a relay with a hold of seven minutes would send, discard and release."""

    def __init__(self) -> None:
        self._relay = Relay()
        self._waiting: dict[str, tuple[object, ...]] = {}
        self.sent: list[tuple[object, ...]] = []
        self.discarded: list[str] = []
        self.reasons: list[str] = []

    def take(self, change: Change, **more: object) -> None:
        decision: Decision = self._relay.take(change, **more)  # type: ignore[arg-type]
        found = hold_starts(SOURCE, decision, SEVEN, self._waiting)
        self.reasons += [found.reason.text] if found.reason else []
        assert found.reason is None or found.reason.code == HOLD or found.reason == decision.reason
        by_id = {str(event.id): short(event) for event in found.events}
        wait = {start.id for start in found.held}
        for start, why in found.discarded.items():
            self._waiting.pop(start.id, None)
            by_id.pop(start.id, None)
            self.discarded.append(why)
        for start in found.released:
            self.sent.append(self._waiting.pop(start.id))
        self.sent += [event for id_, event in by_id.items() if id_ not in wait]
        self._waiting |= {id_: by_id[id_] for id_ in wait}

    def pass_time(self) -> None:
        """The hold of everything that waits is over."""
        self.sent += self._waiting.values()
        self._waiting.clear()


BRIEF = "it was over after 3m, before the hold of 7m"
STARTS = ("A", "starts", 0.0)


PASSED = None
# Changes in their order, then those that are sent, and those that are discarded.
STORIES: dict[str, tuple[list[Change | None], list[tuple[object, ...]], list[str]]] = {
    "an end within the time of the hold cancels the start": ([started(0), resolved(3), PASSED], [], [BRIEF]),
    "an end that names its start does so, too": (
        [started(0, occurrence="named"), resolved(3, since=0), PASSED],
        [],
        [BRIEF],
    ),
    "one that stays open is sent with its own time": (
        [started(0), PASSED, resolved(30)],
        [STARTS, ("A", "ends", 30.0)],
        [],
    ),
    "a start that was sent is ended, however brief it was": (
        [started(0), PASSED, resolved(3)],
        [STARTS, ("A", "ends", 3.0)],
        [],
    ),
    "own times decide, and not when deliveries come": (
        [started(0), resolved(7)],
        [STARTS, ("A", "ends", 7.0)],
        [],
    ),
    "a later occurrence is held for itself": (
        [started(0), resolved(3), started(10), PASSED, resolved(40)],
        [("A", "starts", 10.0), ("A", "ends", 40.0)],
        [BRIEF],
    ),
}


@pytest.mark.parametrize(("coming", "sent", "discarded"), STORIES.values(), ids=STORIES)
def test_what_becomes_of_a_start(
    coming: list[Change | None], sent: list[tuple[object, ...]], discarded: list[str]
) -> None:
    """It waits, and is sent if the incident is still open after the hold."""
    relay = Holding()
    for change in coming:
        if change is PASSED:
            relay.pass_time()
        else:
            relay.take(change)
    assert (relay.sent, relay.discarded) == (sent, discarded)
    assert relay.reasons[0] == "held: the start is sent if the incident is still open after 7m"
    assert not discarded or relay.reasons[1] == f"held: {BRIEF}"


def test_its_end_told_again_says_that_it_is_over() -> None:
    """A second end of an incident that was cancelled sends nothing, as after any other end."""
    relay = Holding()
    for change in (started(0), resolved(3), resolved(3), started(0)):
        relay.take(change)
    assert relay.sent == []
    assert "second end" in relay.reasons[2]


@pytest.mark.parametrize(("minutes", "counts"), [(3, False), (8, True)])
def test_an_end_that_comes_first(minutes: float, counts: bool) -> None:
    """An end that tells its start, or waits for it, decides at once."""
    for changes in (
        [resolved(minutes, since=0)],
        [resolved(minutes, occurrence="one"), started(0, occurrence="one")],
    ):
        relay = Holding()
        for change in changes:
            relay.take(change)
        relay.pass_time()
        assert relay.sent == ([STARTS, ("A", "ends", float(minutes))] if counts else [])
        assert bool(relay.discarded) != counts


def test_every_repository_is_cancelled() -> None:
    """An incident that counts in two repositories is held and cancelled in both."""
    relay = Holding()
    relay.take(started(0), to=(CHECKOUT, LEDGER))
    relay.take(resolved(3), to=(CHECKOUT, LEDGER))
    assert (relay.sent, relay.discarded) == ([], [BRIEF, BRIEF])


def test_an_incident_that_was_merged_ends_with_the_other() -> None:
    """It is open until that ends: brief if that one is over at once, else sent."""
    for end, count in ((3.0, 0), (20.0, 4)):
        relay = Holding()
        for change in (started(0), started(0, incident="B"), merged(1, "B"), resolved(end, incident="B")):
            relay.take(change)
        assert len(relay.sent) == count
        assert len(relay.discarded) == (0 if count else 2)


def test_a_hold_as_people_write_it() -> None:
    """Whole hours and minutes have their unit."""
    units = {0: "0s", 59: "59s", 60: "1m", 90: "90s", 3600: "1h"}
    assert {one: shown(timedelta(seconds=one)) for one in units} == units
