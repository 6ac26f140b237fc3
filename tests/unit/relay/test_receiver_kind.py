"""What a receiver is taken for, and when it is asked, on a clock of the test."""

import itertools

from gitdailies_core.events.receivers import DOCUMENTED, OURS
from gitdailies_relay.delivery.receiver_kind import ReceiverKind


def asked(kind: ReceiverKind, answer: str, *, since: float, until: float) -> list[float]:
    """Answer whenever the receiver is asked, a look a second; return when it was."""
    found = []
    for now in range(int(since), int(until)):
        if kind.ask_due(now):
            kind.answered(answer, now)
            found.append(float(now))
    return found


def gaps(times: list[float]) -> set[float]:
    return {after - before for before, after in itertools.pairwise(times)}


def test_a_receiver_that_is_configured_is_never_asked() -> None:
    """The configuration decides."""
    kind = ReceiverKind(0.0, configured=DOCUMENTED, known=OURS)
    assert (kind.kind, kind.is_sure, kind.is_unknown) == (DOCUMENTED, True, False)
    assert not kind.ask_due(10**6)


def test_until_it_is_sure_documented_fields_are_sent_and_it_is_asked_within_15_s() -> None:
    """An error or a page decides nothing, for hours."""
    kind = ReceiverKind(0.0)
    times = asked(kind, "", since=0, until=3600)
    assert (kind.kind, kind.is_sure, kind.is_unknown) == (DOCUMENTED, False, True)
    assert max(gaps(times)) <= 15
    assert times[:4] == [0.0, 1.0, 3.0, 7.0]


def test_a_documented_receiver_is_asked_often_and_then_seldom() -> None:
    """Every 15 s in the first ten minutes, then every five."""
    times = asked(ReceiverKind(0.0), DOCUMENTED, since=0, until=3600)
    assert gaps([at for at in times if at < 600]) == {15.0}
    assert gaps([at for at in times if at >= 600]) == {300.0}


def test_after_a_pause_it_is_asked_often_again() -> None:
    """What was taken for the receiver may have been in front of it."""
    kind = ReceiverKind(0.0)
    asked(kind, DOCUMENTED, since=0, until=3600)
    kind.unsettle(3600)
    assert gaps(asked(kind, DOCUMENTED, since=3600, until=4200)) == {15.0}


def test_a_receiver_of_ours_is_asked_every_five_minutes() -> None:
    """It may be replaced by another one."""
    kind = ReceiverKind(0.0)
    assert gaps(asked(kind, OURS, since=0, until=3600)) == {300.0}
    assert (kind.kind, kind.is_sure) == (OURS, True)


def test_a_change_from_ours_is_a_downgrade_and_asked_often() -> None:
    """Fields are left out from now on; the next answers may bring them back."""
    kind = ReceiverKind(0.0, known=OURS)
    assert (kind.kind, kind.is_sure, kind.is_unknown) == (OURS, False, False)
    assert kind.answered(OURS, 1.0) is None
    assert kind.answered(DOCUMENTED, 5000.0) == OURS
    assert gaps(asked(kind, DOCUMENTED, since=5000, until=5600)) == {15.0}
    assert kind.answered(OURS, 6000.0) == DOCUMENTED


def test_an_error_keeps_what_was_known() -> None:
    """A receiver of ours that fails is still one of ours, and is asked soon."""
    kind = ReceiverKind(0.0, known=OURS)
    for now in range(100):
        assert kind.answered("", float(now)) is None
    assert kind.kind == OURS
    assert kind.ask_due(115.0)


def test_before_what_failed_is_sent_again_it_is_asked() -> None:
    """The default backend of an ingress answers 404 for a moment; the next event should have its fields."""
    kind = ReceiverKind(0.0)
    kind.answered(DOCUMENTED, 0.0)
    assert not kind.ask_due(2.0)
    assert kind.ask_due(2.0, before_retry=True)
    kind.answered(OURS, 2.0)
    assert not kind.ask_due(4.0, before_retry=True)


def test_a_receiver_that_has_been_documented_for_long_is_not_asked_before_each_retry() -> None:
    """After ten minutes it is taken at its word."""
    kind = ReceiverKind(0.0)
    kind.answered(DOCUMENTED, 590.0)
    assert not kind.ask_due(601.0, before_retry=True)
