"""Pairing, ids and order: the plan of events that come in any order."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from gitdailies_core.errors import InvalidEvent, StoreUnavailable
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import content_id, incident_event_id
from gitdailies_history.plan.plan import Plan
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.forms import examples
from tests.support.history.running import in_order

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


def deploy(time: str, **more: Any) -> Event:
    return Event.make("deployed", repo="a/b", commitSHA=SHA, time=time, **more)


def incident(kind: str, time: str, **more: Any) -> Event:
    word = {"S": "incidentStarted", "E": "incidentResolved"}[kind]
    given = {"incidentId": "INC-7", "repo": "a/b", "source": "pagerduty", **more}
    return Event.make(word, time=time, **given)


def planned(*events: Event) -> tuple[list[dict[str, Any]], list[str], Plan]:
    with TemporaryDirectory() as folder, Plan(Path(folder) / "plan.db") as plan:
        for line, event in enumerate(events, 1):
            plan.add(event, file="h", line=line)
        faults = [str(fault) for fault in plan.settle()]
        return [entry.event.to_wire() for entry in plan.entries()], faults, plan


def relayed(kind: str, period: str, **more: Any) -> str:
    given = {"source": "pagerduty", "incident": "INC-7", "repo": "a/b", "environment": None, "further": None}
    return incident_event_id(kind=kind, occurrence=period, **{**given, **more})


def test_an_event_that_names_its_source_is_named_as_the_relay_names_it() -> None:
    """Start and end have the id of their occurrence, although the end has no repository and environment."""
    events, faults, _ = planned(
        incident("E", "2025-03-04T11:00:00Z"),
        incident("S", "2025-03-04T10:00:00Z", environment="production", service="api"),
    )

    where = {"environment": "production"}
    assert faults == []
    assert [event["id"] for event in events] == [
        relayed("incidentStarted", "2025-03-04T10:00:00Z", **where),
        relayed("incidentResolved", "2025-03-04T10:00:00Z", **where),
    ]


def test_an_event_without_source_is_named_by_its_content() -> None:
    """A deploy, and an incident that no source is named for, have the id that the receiver would give."""
    bare = incident("S", "2025-03-04T10:00:00Z", source=None)
    one = deploy("2025-03-04T10:00:00Z")

    events, _, _ = planned(bare, one)

    assert [event["id"] for event in events] == [content_id(one.digest()), content_id(bare.digest())]


def test_at_one_instant_an_open_incident_takes_its_end_first_and_a_closed_one_its_start() -> None:
    """An incident over at the instant it began again goes end, start; one of no length start, end."""
    first, second, last = (f"2025-03-04T1{hour}:00:00Z" for hour in range(3))
    rows = (("S", second), ("E", second), ("S", first), ("E", last))
    again, _, _ = planned(*(incident(*row) for row in rows))
    short, _, _ = planned(incident("E", first), incident("S", first))

    kinds = [event["kind"] for event in again]
    assert kinds == ["incidentStarted", "incidentResolved"] * 2
    assert [event["kind"] for event in short] == ["incidentStarted", "incidentResolved"]


def test_fractions_of_a_second_count() -> None:
    """An event a fraction of a second later comes later, although its text sorts first."""
    times = [f"2025-03-04T10:00:{seconds}Z" for seconds in ("00", "00.204", "00.204001", "01")]
    events, _, _ = planned(*(deploy(time) for time in reversed(times)))

    assert [event["time"] for event in events] == times


@pytest.mark.parametrize(
    ("rows", "sent", "repeated"),
    [
        ("S0 E1 E1", "S0 E1", 1),
        ("S0 S0 E1 E1", "S0 E1", 2),
        ("S0 S0 E0 E0", "S0 E0", 2),
        ("E1 E1", "E1", 1),
        # Over at the instant it began, and an end that belongs to no other start.
        ("S0 S0 E0 E1", "S0 E0 E1", 1),
        # Over at the instant it began again, and over then, too: two ends, though they look alike.
        ("S0 E1 S1 E1 E2", "S0 E1 S1 E1 E2", 0),
    ],
)
def test_rows_that_tell_an_event_of_an_incident_again_are_left_out(
    rows: str, sent: str, repeated: int
) -> None:
    """A start or an end in two rows is sent once, in any order of the rows."""
    ordered = [incident(row[0], f"2025-03-04T10:00:0{row[1]}Z") for row in rows.split()]
    for events in (ordered, ordered[::-1]):
        found, faults, plan = planned(*events)
        words = ["SE"[event["kind"] == "incidentResolved"] + event["time"][-2] for event in found]
        assert (" ".join(words), faults, plan.repeated) == (sent, [], repeated)


def test_ends_without_a_start_are_sent_and_counted() -> None:
    """A file that begins in the middle of an incident is no fault."""
    events, faults, plan = planned(
        incident("E", "2025-03-04T09:00:00Z"),
        incident("S", "2025-03-04T10:00:00Z"),
        incident("E", "2025-03-04T11:00:00Z"),
    )

    assert (len(events), faults, plan.unpaired) == (3, [], 1)


def test_an_end_of_another_environment_leaves_an_incident_open() -> None:
    """A start in staging is not ended by an end in production, which then has no start."""
    _, faults, plan = planned(
        incident("S", "2025-03-04T10:00:00Z", environment="staging"),
        incident("E", "2025-03-04T11:00:00Z", environment="production"),
    )

    assert (faults, plan.unpaired) == ([], 1)


def test_history_needs_a_time(tmp_path: Path) -> None:
    """An event that means the moment of the call is refused."""
    with Plan(tmp_path / "plan.db") as plan, pytest.raises(InvalidEvent, match="time: expected"):
        plan.add(Event.make("deployed", repo="a/b", commitSHA=SHA))


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """The error for a plan in a missing folder names its file."""
    with pytest.raises(StoreUnavailable, match=r"none/plan\.db"):
        Plan(tmp_path / "none" / "plan.db")


STEPS = st.tuples(st.sampled_from("DSE"), st.integers(0, 6), st.sampled_from(["INC-1", "INC-2"]))


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(STEPS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(steps: list[tuple[str, int, str]], shuffle: Any) -> None:
    """Any order of the same rows gives the same events in the same order, deploys first, oldest to newest."""
    events = [
        deploy(f"2025-03-04T10:00:0{at}Z", branch=name)
        if kind == "D"
        else incident(kind, f"2025-03-04T10:00:0{at}Z", incidentId=name)
        for kind, at, name in steps
    ]
    one, _, _ = planned(*events)
    shuffle.shuffle(events)
    other, _, _ = planned(*events)

    assert one == other
    assert [(e["kind"] != "deployed", e["time"]) for e in one] == sorted(
        (e["kind"] != "deployed", e["time"]) for e in one
    )
    # Where every end has a start that is not later, no end goes out before one.
    starts = {e["incidentId"]: e["time"] for e in reversed(one) if e["kind"] == "incidentStarted"}
    ends = [e for e in one if e["kind"] == "incidentResolved"]
    if all(starts.get(e["incidentId"], "9") <= e["time"] for e in ends):
        assert in_order(one)


def test_an_end_that_the_receiver_pairs_is_not_counted() -> None:
    """A start under another source, of the same incident and repository, is a start for the receiver."""
    start = incident("S", "2025-03-04T10:00:00Z", source="pagerduty")
    end = incident("E", "2025-03-04T11:00:00Z", source=None)
    other = incident("E", "2025-03-04T11:00:00Z", source=None, incidentId="INC-8")
    _, faults, plan = planned(start, end)
    _, _, with_other = planned(start, end, other)
    _, _, too_late = planned(incident("S", "2025-03-04T12:00:00Z"), end)

    assert (faults, plan.unpaired, plan.unpaired_incidents) == ([], 0, [])
    assert (with_other.unpaired, with_other.unpaired_incidents) == (1, ["INC-8"])
    assert too_late.unpaired == 1


def test_incidents_without_an_end_are_named() -> None:
    """One that ended, here or under another source, has an end; one that began again has none."""
    start, end = incident("S", "2025-03-04T10:00:00Z"), incident("E", "2025-03-04T11:00:00Z", source=None)
    again = incident("S", "2025-03-05T10:00:00Z")
    other = incident("S", "2025-03-04T09:00:00Z", incidentId="INC-8")
    assert [planned(*given)[2].unended for given in ((start, end), (start, end, again, other))] == [
        [],
        ["INC-8", "INC-7"],
    ]
