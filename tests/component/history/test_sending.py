"""Requests, and the result of each answer, against a receiver whose answers the test sets."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Destination
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.values.secret import Secret
from gitdailies_history.plan.plan import Plan
from gitdailies_history.sending import sending
from gitdailies_history.sending.checkpoint import Checkpoint, locked
from gitdailies_history.sending.sending import Report, Stream
from gitdailies_history.sending.verdicts import Verdict

from tests.support.json_server import JsonHandler, listening

KEY = "gdk_planted-secret"
Answer = tuple[int, Any, dict[str, str]]


def taken(body: Any, status: str = "created") -> Answer:
    results = [{"index": at, "status": status, "id": one["id"]} for at, one in enumerate(body)]
    return 202, {"results": results}, {}


class Scripted:
    """A receiver that gives the answers of a list, then takes everything."""

    def __init__(self) -> None:
        self.answers: list[Callable[[Any], Answer]] = []
        self.bodies: list[Any] = []
        self.at_once = [0]
        self.in_flight: list[Any] = []
        self._opened = ExitStack()
        self.url = self._opened.enter_context(listening(_Handler, scripted=self)) + "/webhooks"

    def close(self) -> None:
        self._opened.close()


class _Handler(JsonHandler):
    scripted: Scripted

    def reply(self) -> None:
        if self.command == "GET":
            self.send_error(501)
            return
        scripted, body = self.scripted, json.loads(self.rfile.read(int(self.headers["content-length"])))
        scripted.bodies.append(body)
        scripted.in_flight.append(body)
        scripted.at_once.append(len(scripted.in_flight))
        status, content, headers = (scripted.answers.pop(0) if scripted.answers else taken)(body)
        scripted.in_flight.remove(body)
        self.send_json(status, content, headers)


class Seen:
    def __init__(self) -> None:
        self.done = 0
        self.waited: list[tuple[str, float]] = []
        self.verdicts: list[Verdict] = []

    def moved(self, events: int) -> None:
        self.done += events

    def waits(self, reason: str, seconds: float) -> None:
        self.waited += [(reason, seconds)] if reason else []

    def refused(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    running = Scripted()
    yield running
    running.close()


def events(count: int) -> list[Event]:
    return [
        Event.make(
            "deployed", repo="a/b", commitSHA="a" * 40, time=f"2025-03-04T10:00:{at:02}Z", id=f"d-{at}"
        )
        for at in range(count)
    ]


def send(
    scripted: Scripted, folder: Path, count: int = 4, *, receiver: str = "ours", given: Any = None
) -> tuple[Report, Seen]:
    seen = Seen()
    destination = Destination(scripted.url, SecretSource.make(env="KEY"), receiver=receiver)
    with locked(folder), Plan(folder / "plan.db") as plan, Sender.to(destination) as sender:
        for event in given or events(count):
            plan.add(event)
        assert list(plan.settle()) == []
        with Checkpoint(folder, destination.address) as sent:
            stream = Stream(
                sender,
                destination,
                Secret(KEY),
                sent,
                seen,
                retries=2,
                sleep=lambda _: None,
                now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
                jitter=lambda: 0.5,
                waits=seen.waits,
                report=Report(),
            )
            return stream.send(plan.entries()), seen


def test_lists_go_where_they_are_taken_and_nothing_twice(scripted: Scripted, tmp_path: Path) -> None:
    """All goes in one list to ours; a second run of it sends no request."""
    first, seen = send(scripted, tmp_path)
    second, _ = send(scripted, tmp_path)

    assert (first.sent, seen.done, second.skipped) == (4, 4, 4)
    assert [[one["id"] for one in body] for body in scripted.bodies] == [["d-0", "d-1", "d-2", "d-3"]]


def test_one_request_is_in_flight(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list is sent before the previous one was answered, however slow the receiver is."""
    monkeypatch.setattr(sending, "MOST_EVENTS", 1)

    def slowly(body: Any) -> Answer:
        time.sleep(0.05)
        return taken(body)

    scripted.answers = [slowly] * 4
    report, _ = send(scripted, tmp_path)

    assert (report.sent, len(scripted.bodies), max(scripted.at_once)) == (4, 4, 1)


def test_a_documented_receiver_gets_one_event_a_request(scripted: Scripted, tmp_path: Path) -> None:
    """Only documented fields are sent, one event at a time, in order."""
    scripted.answers = [lambda _: (202, {}, {})] * 2
    report, _ = send(scripted, tmp_path, 2, receiver="documented")

    assert report.sent == 2
    assert [sorted(body) for body in scripted.bodies] == [["commitSHA", "kind", "repo", "time"]] * 2
    assert [body["time"][-3:] for body in scripted.bodies] == ["00Z", "01Z"]


def test_no_answer_for_good_is_tried_again_not_before_retry_after(scripted: Scripted, tmp_path: Path) -> None:
    """After 503 and 429 the same list is sent again, no earlier than Retry-After says."""
    scripted.answers = [lambda _: (503, {}, {"Retry-After": "17"}), lambda _: (429, {}, {})]
    report, seen = send(scripted, tmp_path)

    assert (report.sent, report.stopped) == (4, "")
    assert scripted.bodies[0] == scripted.bodies[1] == scripted.bodies[2]
    assert [seconds for _, seconds in seen.waited] == [17.0, 1.0]


def test_a_dead_receiver_stops_the_run_which_goes_on_later(scripted: Scripted, tmp_path: Path) -> None:
    """After the last retry the run says why; the next one sends all of it."""
    scripted.answers = [lambda _: (500, {}, {})] * 3
    stopped, _ = send(scripted, tmp_path)
    resumed, _ = send(scripted, tmp_path)

    assert (stopped.delivered, resumed.sent) == (0, 4)
    assert stopped.stopped == "3 attempts failed, the last one with: answered 500: {}"


def test_an_answer_that_leaves_events_out_is_no_answer(scripted: Scripted, tmp_path: Path) -> None:
    """A 202 with too few results is not taken for success; the list goes again."""
    scripted.answers = [lambda body: taken(body[:1])]
    report, seen = send(scripted, tmp_path)

    assert (report.sent, len(scripted.bodies)) == (4, 2)
    assert "expected results for 4 events" in seen.waited[0][0]


def test_a_list_that_is_too_large_is_cut_in_two(scripted: Scripted, tmp_path: Path) -> None:
    """A proxy's 413 gives halves, in order."""
    scripted.answers = [lambda _: (413, {}, {})]
    report, _ = send(scripted, tmp_path)

    assert report.sent == 4
    assert [[one["id"] for one in body] for body in scripted.bodies[1:]] == [["d-0", "d-1"], ["d-2", "d-3"]]


def test_one_refused_event_does_not_take_the_others_with_it(scripted: Scripted, tmp_path: Path) -> None:
    """Its reason is reported without the key, and the next run sends it again."""
    reason = f"time: expected another, got this; {KEY}"

    def mixed(body: Any) -> Answer:
        _, content, _ = taken(body)
        content["results"][1] |= {"status": "out-of-order", "error": reason}
        return 207, content, {}

    scripted.answers = [mixed]
    report, seen = send(scripted, tmp_path)
    again, _ = send(scripted, tmp_path)

    assert (report.sent, report.refused, again.sent, again.skipped) == (3, 1, 1, 3)
    assert seen.verdicts[0].reason == "time: expected another, got this; ***"


@pytest.mark.parametrize(("status", "key"), [(401, True), (403, True), (404, False), (302, False)])
def test_a_refused_key_and_a_wrong_address_stop_at_once(
    scripted: Scripted, tmp_path: Path, status: int, key: bool
) -> None:
    """There is no second attempt, and the report shows which of the two faults it was."""
    scripted.answers = [lambda _: (status, {}, {})]
    report, _ = send(scripted, tmp_path)

    assert (len(scripted.bodies), report.key_refused, report.delivered) == (1, key, 0)
    assert report.stopped


def test_an_event_that_a_webhook_sent_before_is_known_not_refused(scripted: Scripted, tmp_path: Path) -> None:
    """A conflict under an id of source and occurrence counts as known, since only details differ."""
    scripted.answers = [lambda body: (207, taken(body, "conflict")[1], {})]
    start = Event.make(
        "incidentStarted", incidentId="Q1", repo="a/b", source="pagerduty", time="2025-03-04T10:00:00Z"
    )
    report, _ = send(scripted, tmp_path, given=[start, *events(1)])

    assert (report.known, report.refused) == (1, 1)


def test_two_imports_at_once_are_one_too_many(tmp_path: Path) -> None:
    """The state folder is held by one run."""
    refused = pytest.raises(UsageError, match="another import is using this folder")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
