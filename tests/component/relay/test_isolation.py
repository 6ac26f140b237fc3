"""What a receiver says about one event, and what it says about all of them: who waits, and who does not."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_relay.delivery import batches, isolation

from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import ACCEPTED, Arrival, Receiver, answer, receiving
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.servers import Received

PAGE = answer("200 OK", b"<!doctype html><title>Sign in</title>", Content_Type="text/html")
UNKNOWN = json.dumps({"detail": "repository larkspur/ledger is not known"}).encode()


@pytest.fixture(autouse=True)
def refused_for_a_second(soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take an event for refused after a second of refusals."""
    monkeypatch.setattr(batches, "REFUSED_SECONDS", 1.0)


def started(relay: Relay, *incidents: str, service: str = "checkout-api") -> None:
    for incident in incidents:
        assert pagerduty("incident.triggered", incident, service=service).post(relay.url).status_code == 202


def taken(receiver: Receiver) -> set[str]:
    return {event["incidentId"] for event in receiver.taken()}


@pytest.mark.parametrize("status", ["401", "403", "404", "page"])
def test_one_repository_that_is_refused_holds_up_no_other(
    relay: Relay, receiver: Receiver, status: str
) -> None:
    """Twenty events of another one arrive; the refused one is a dead letter after some refusals."""
    refusal = PAGE if status == "page" else answer(f"{status} X", UNKNOWN, Content_Type="application/json")

    def script(one: Arrival) -> bytes:
        return refusal if one.event["repo"].startswith("larkspur/shop") else ACCEPTED

    receiver.script = script
    started(relay, "before")
    eventually(lambda: taken(receiver) == {"before"})
    started(relay, "refused", service="shop")
    eventually(lambda: receiver.of("refused"))
    names = [f"good-{number}" for number in range(20)]
    started(relay, *names)
    eventually(lambda: taken(receiver) == {"before", *names}, 10)
    assert relay.status()["paused"] == []
    # A success after its first refusal shows that the refusal is its own.
    (dead,) = eventually(lambda: relay.failed()["deadLetters"])
    assert dead["incident"] == "refused"
    assert dead["attempts"] >= 5
    assert "while other events were taken: answered " in dead["reason"]


@pytest.mark.parametrize("status", ["402", "451", "422", "page"])
def test_a_receiver_that_refuses_everything_pauses(relay: Relay, receiver: Receiver, status: str) -> None:
    """Nothing is a dead letter and nothing is lost; when it is well, all arrive without a command."""
    receiver.script = lambda _: PAGE if status == "page" else answer(f"{status} X")
    names = [f"I{number}" for number in range(6)]
    started(relay, *names)
    pagerduty("incident.resolved", "I0", at=ENDED_AT).post(relay.url)
    (paused,) = eventually(lambda: relay.status()["paused"])
    assert paused["by"] == ("address" if status == "page" else "receiver")
    eventually(lambda: relay.status()["deadLetters"] == 0)
    assert relay.status()["waiting"] == 7
    receiver.script = Receiver.script
    eventually(lambda: taken(receiver) == set(names))
    eventually(lambda: relay.status()["waiting"] == 0)
    assert [one.event["kind"] for one in receiver.of("I0") if one.status == 202] == [
        "incidentStarted",
        "incidentResolved",
    ]
    status_now = relay.status()
    assert (status_now["paused"], status_now["deadLetters"]) == ([], 0)


@pytest.mark.parametrize("status", ["500", "403"])
def test_a_good_event_that_comes_long_after_bad_ones_is_sent_at_once(
    relay: Relay, receiver: Receiver, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause or an open circuit breaker, which only bad events caused, costs it two seconds at most."""
    monkeypatch.setattr(isolation, "LONGEST_BACKOFF_SECONDS", 300.0)
    monkeypatch.setattr(isolation, "FIRST_BACKOFF_SECONDS", 60.0)
    for what in isolation.PROBE_SECONDS:
        monkeypatch.setitem(isolation.PROBE_SECONDS, what, 300.0)
    receiver.script = lambda one: ACCEPTED if one.event["incidentId"] == "good" else answer(f"{status} X")
    started(relay, *(f"bad-{number}" for number in range(6)))
    eventually(lambda: len({one.event["incidentId"] for one in receiver.arrivals}) == 6)
    time.sleep(2.0)
    at = time.time()
    started(relay, "good")
    eventually(lambda: taken(receiver) == {"good"})
    (arrival,) = receiver.of("good")
    assert arrival.at - at < 3.0


class Described(Receiver):
    """A receiver that may say what it is."""

    document: bytes = answer("404 Not Found", b"default backend - 404")

    def reply(self, connection: object, request: Received) -> bytes | None:
        if request.line.startswith("GET "):
            return self.document
        return super().reply(connection, request)  # type: ignore[arg-type]


OURS = answer(
    "200 OK", b'{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"ours"}}', Content_Type="application/json"
)


@pytest.fixture
def described() -> Iterator[Described]:
    with receiving(Described()) as receiver:
        assert isinstance(receiver, Described)
        yield receiver


def undecided(folder: Path, url: str) -> Path:
    """Write a configuration that does not say what the receiver is."""
    file = configure(folder, url=url)
    file.write_text(file.read_text().replace("  receiver: ours\n", ""))
    return file


@pytest.mark.parametrize(
    "blip",
    [answer("404 X", b"no"), answer("500 X"), PAGE],
    ids=["404", "500", "page"],
)
def test_a_receiver_of_ours_that_is_away_at_the_start_is_recognized(
    tmp_path: Path, described: Described, blip: bytes
) -> None:
    """Answers of something in front of it decide nothing for long: the next events have all their fields."""
    described.document, described.script = blip, lambda _: blip
    with in_thread(undecided(tmp_path, described.url)) as relay:
        started(relay, "early")
        eventually(lambda: described.arrivals)
        # An event waits for the receiver's answer for half a second at most.
        described.document = OURS
        eventually(lambda: relay.status()["server"]["receiver"] == "ours")
        eventually(lambda: "source" in described.arrivals[-1].event)
        described.script = Receiver.script
        eventually(lambda: taken(described) == {"early"})
        started(relay, "later")
        eventually(lambda: taken(described) == {"early", "later"})
        assert relay.status()["receiver"]["kind"] == "ours"
    assert described.of("later")[-1].event["source"] == "pagerduty"
    assert described.of("early")[-1].event["source"] == "pagerduty"


def test_the_last_sure_answer_is_remembered_and_a_downgrade_is_a_warning(
    tmp_path: Path, described: Described
) -> None:
    """While the document cannot be had, the earlier answer counts; a plain 404 changes it, with a warning."""
    described.document = OURS
    file = undecided(tmp_path, described.url)
    with in_thread(file) as relay:
        started(relay, "first")
        eventually(lambda: taken(described) == {"first"})
        eventually(lambda: relay.status()["receiver"])
    described.document = answer("503 X")
    with in_thread(file) as relay:
        started(relay, "second")
        eventually(lambda: taken(described) == {"first", "second"})
        assert described.of("second")[0].event["source"] == "pagerduty"
        server = relay.status()["server"]
        assert (server["receiver"], server["receiverIsSure"]) == ("ours", False)
        described.document = answer("404 X")
        eventually(lambda: relay.logged("receiver changed"))
        assert relay.logged("receiver changed")[0]["log_level"] == "warning"
        started(relay, "third")
        eventually(lambda: taken(described) == {"first", "second", "third"})
        assert "source" not in described.of("third")[0].event
        assert relay.status()["server"]["receiver"] == "documented"
