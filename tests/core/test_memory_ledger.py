"""The ledger in memory answers like a store: by incident, and by what is waited for."""

from gitdailies_core.incidents.memory import MemoryLedger
from gitdailies_core.incidents.records import CLOSED, MERGED, OPEN, Decision, Period

from tests.core.lives import CHECKOUT, LEDGER, at

ONE = Period("A", CHECKOUT, "first", OPEN, at(0))


def applied(ledger: MemoryLedger, *records: Period) -> MemoryLedger:
    ledger.apply(Decision((), records, "a reason"))
    return ledger


def test_it_is_empty_at_first() -> None:
    """What nobody wrote is not known."""
    ledger = MemoryLedger()

    assert list(ledger.periods("A")) == []
    assert list(ledger.waiting("A")) == []


def test_records_are_found_by_their_incident() -> None:
    """Each record stands under its own incident, and a name or target apart is a record apart."""
    others = [ONE._replace(name="second"), ONE._replace(target=LEDGER), ONE._replace(incident="B")]
    ledger = applied(MemoryLedger(), ONE, *others)

    assert set(ledger.periods("A")) == {ONE, others[0], others[1]}
    assert list(ledger.periods("B")) == [others[2]]


def test_a_record_takes_the_place_of_the_one_with_its_key() -> None:
    """A period has one record, the last that was written."""
    closed = ONE._replace(state=CLOSED, ended_at=at(5))

    assert list(applied(applied(MemoryLedger(), ONE), closed).periods("A")) == [closed]


def test_what_waits_is_found_by_what_it_waits_for() -> None:
    """A merged record waits for its target until it is closed, or merged into another."""
    into_b = ONE._replace(state=MERGED, merged_into="B")
    into_c = ONE._replace(state=MERGED, merged_into="C")
    ledger = applied(MemoryLedger(), into_b, into_b._replace(incident="D"))

    assert {period.incident for period in ledger.waiting("B")} == {"A", "D"}
    applied(ledger, into_c)
    assert {period.incident for period in ledger.waiting("B")} == {"D"}
    assert list(ledger.waiting("C")) == [into_c]
    applied(ledger, into_c._replace(state=CLOSED))
    assert list(ledger.waiting("C")) == []


def test_a_merge_that_names_no_target_waits_for_nothing() -> None:
    """Closed at once, it stands under no target."""
    assert list(applied(MemoryLedger(), ONE._replace(state=CLOSED, merged_into="")).waiting("")) == []
