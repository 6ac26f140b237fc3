"""Records in memory are found like those of a store: by incident, and by the target they wait for."""

from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.records import CLOSED, MERGED, OPEN, Decision, Occurrence
from gitdailies_core.reasons import OTHER, Reason

from tests.support.core.lives import CHECKOUT, LEDGER, at

ONE = Occurrence("A", CHECKOUT, "first", OPEN, at(0))


def applied(into: MemoryRecords, *records: Occurrence) -> MemoryRecords:
    into.apply(Decision((), records, Reason(OTHER, "a reason")))
    return into


def test_it_is_empty_at_first() -> None:
    """New records hold no occurrence and nothing that waits."""
    records = MemoryRecords()

    assert list(records.occurrences("A")) == []
    assert list(records.waiting("A")) == []


def test_records_are_found_by_their_incident() -> None:
    """A record is found by its own incident. Another name or target makes another record."""
    others = [ONE._replace(name="second"), ONE._replace(target=LEDGER), ONE._replace(incident="B")]
    records = applied(MemoryRecords(), ONE, *others)

    assert set(records.occurrences("A")) == {ONE, others[0], others[1]}
    assert list(records.occurrences("B")) == [others[2]]


def test_a_record_takes_the_place_of_the_one_with_its_key() -> None:
    """An occurrence has one record, the last that was written."""
    closed = ONE._replace(state=CLOSED, ended_at=at(5))

    assert list(applied(applied(MemoryRecords(), ONE), closed).occurrences("A")) == [closed]


def test_what_waits_is_found_by_what_it_waits_for() -> None:
    """A merged record waits for its target until it is closed, or merged into another."""
    into_b = ONE._replace(state=MERGED, merged_into="B")
    into_c = ONE._replace(state=MERGED, merged_into="C")
    records = applied(MemoryRecords(), into_b, into_b._replace(incident="D"))

    assert {record.incident for record in records.waiting("B")} == {"A", "D"}
    applied(records, into_c)
    assert {record.incident for record in records.waiting("B")} == {"D"}
    assert list(records.waiting("C")) == [into_c]
    applied(records, into_c._replace(state=CLOSED))
    assert list(records.waiting("C")) == []


def test_a_merge_that_names_no_target_waits_for_nothing() -> None:
    """It is closed at once and waits for no target."""
    assert list(applied(MemoryRecords(), ONE._replace(state=CLOSED, merged_into="")).waiting("")) == []
