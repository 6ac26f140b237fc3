"""What a person can do: see all that failed, show, requeue, discard and replay it, close, pause a source."""

import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_core.errors import UsageError

from tests.support.databases import postgresql_url
from tests.support.empty_stores import RELAY
from tests.support.history_fetch.api import Api, listening
from tests.support.history_fetch.incidents import fetched
from tests.support.history_fetch.pagerduty import BEGIN, Incident, answers
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, STARTED_AT, Delivery, pagerduty, signed
from tests.support.relay.receiver import Receiver, answer
from tests.support.relay.running import Relay, configure, in_thread

SHAPE = (
    b'{"event": {"id": "1", "event_type": "incident.triggered", "data": {"id": "Q1"}, "occurred_at": "soon"}}'
)


def command(relay: Relay, *arguments: str) -> Result:
    return CliRunner().invoke(gitdailies, ["relay", *arguments, "--config", str(relay.file)])


def done(relay: Relay, *arguments: str) -> str:
    ran = command(relay, *arguments)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.stdout


def told(relay: Relay, *arguments: str) -> Any:
    return json.loads(done(relay, *arguments, "--json"))


def refusal(relay: Relay, *arguments: str) -> str:
    ran = command(relay, *arguments)
    assert isinstance(ran.exception, UsageError), (ran.output, ran.exception)
    return str(ran.exception)


@pytest.fixture
def refusing(relay: Relay, receiver: Receiver) -> Relay:
    """A relay whose receiver refuses every event of an incident that is named bad…, and says why."""

    def script(one: Any) -> bytes:
        bad = one.event["incidentId"].startswith("bad")
        body = b'{"detail": "no such repository"}'
        return answer("422 X" if bad else "202 X", body, Content_Type="application/json")

    receiver.script = script
    return relay


def dead_letters(relay: Relay, count: int) -> list[dict[str, Any]]:
    """Let *count* incidents become dead letters, of a receiver that takes others; return them."""
    pagerduty("incident.triggered", "fine").post(relay.url)
    eventually(lambda: relay.status()["waiting"] == 0)
    for number in range(count):
        pagerduty("incident.triggered", f"bad{number}").post(relay.url)
    eventually(lambda: relay.status()["deadLetters"] == count)
    return list(relay.failed()["deadLetters"])


def test_failed_lists_all_of_them_page_by_page_and_says_how_many(refusing: Relay) -> None:
    """Every page says the total and where the next one begins; together they have each once."""
    events = [one["id"] for one in dead_letters(refusing, 5)]
    for number in range(3):
        pagerduty("incident.triggered", f"Q{number}", service="attic").post(refusing.url)
    found, quarantined, after = [], [], "0-0"
    while after:
        page = told(refusing, "failed", "--limit", "2", "--after", after)
        assert page["total"] == {"deadLetters": 5, "quarantined": 3}
        found += [one["id"] for one in page["deadLetters"]]
        quarantined += [one["delivery"] for one in page["quarantined"]]
        after = page["next"]
    assert found == events
    assert len(set(quarantined)) == len(quarantined) == 3
    printed = done(refusing, "failed", "--limit", "2")
    assert "dead letters, 2 of 5" in printed
    assert "quarantined deliveries, 2 of 3" in printed
    assert "gitdailies relay failed --limit 2 --after " in printed
    assert "like 1000-20" in refusal(refusing, "failed", "--after", "x")


def test_show_has_the_body_the_headers_less_the_proof_and_why(relay: Relay) -> None:
    """What a vendor sent is printed as it came; neither signature nor token is stored."""
    delivery = signed(SHAPE).post(relay.url).json()["delivery"]
    found = told(relay, "show", delivery)
    assert found["stored"]["body"].encode() == SHAPE
    assert found["stored"]["state"] == "quarantined"
    assert found["stored"]["headers"]["content-type"] == "application/json"
    assert "signature" not in str(found["stored"]["headers"]).lower()
    printed = done(relay, "show", delivery)
    assert SHAPE.decode() in printed
    assert found["stored"]["reason"] in printed
    assert "got 'unknown'" in refusal(relay, "show", "unknown")


def test_show_has_each_attempt_with_its_answer(refusing: Relay) -> None:
    """A delivery is found by the id of its event, too."""
    (event,) = dead_letters(refusing, 1)
    found = told(refusing, "show", event["id"])
    ((attempt,),) = [one["attempts"] for one in found["events"]]
    assert (attempt["status"], attempt["verdict"]) == (422, "dead_letter")
    assert attempt["answer"] == '{"detail": "no such repository"}'
    assert 'answer: {"detail": "no such repository"}' in done(refusing, "show", event["id"])
    assert found["stored"] is None
    assert "its body is not stored" in done(refusing, "show", found["delivery"])


def test_a_body_that_was_corrected_counts(relay: Relay, receiver: Receiver, tmp_path: Path) -> None:
    """`replay --body FILE` takes the place of the stored body of one delivery."""
    delivery = signed(SHAPE).post(relay.url).json()["delivery"]
    corrected = tmp_path / "corrected.json"
    corrected.write_bytes(pagerduty("incident.triggered", "Q1").body)
    assert "name the delivery with --id" in refusal(relay, "replay", "--all", "--body", str(corrected))
    assert "incident-" in done(relay, "replay", "--id", delivery, "--body", str(corrected))
    (arrival,) = eventually(lambda: receiver.of("Q1"))
    assert arrival.event["time"] == STARTED_AT
    assert relay.status()["quarantined"] == {}


def test_what_was_delivered_is_sent_again_with_its_id(relay: Relay, receiver: Receiver) -> None:
    """A receiver that lost it gets the same event; without a limit the command asks for one."""
    pagerduty("incident.triggered", "Q1").post(relay.url)
    (arrival,) = eventually(lambda: receiver.of("Q1"))
    eventually(lambda: relay.status()["waiting"] == 0)
    assert "say which" in refusal(relay, "replay", "--delivered")
    assert "add --filtered, --ignored or --delivered" in refusal(relay, "replay", "--id", str(arrival.id))
    assert done(relay, "replay", "--delivered", "--id", str(arrival.id)).endswith("requeued\n")
    again = eventually(lambda: receiver.of("Q1")[1:])
    assert [one.id for one in again] == [arrival.id]


def test_dead_letters_are_requeued_one_by_one_or_all(refusing: Relay, receiver: Receiver) -> None:
    """They go out under their ids once the receiver takes them; an id that is none is named."""
    first, second, third = (one["id"] for one in dead_letters(refusing, 3))
    receiver.script = lambda _: answer("202 X")
    assert "got 'nothing-like-it'" in refusal(refusing, "requeue", "nothing-like-it")
    assert "say what" in refusal(refusing, "requeue")
    assert done(refusing, "requeue", first, second) == f"{first}: requeued\n{second}: requeued\n"
    eventually(lambda: refusing.status()["deadLetters"] == 1)
    assert done(refusing, "requeue", "--all") == f"{third}: requeued\n"
    eventually(lambda: refusing.status()["waiting"] == 0)
    assert refusing.status()["deadLetters"] == 0
    assert done(refusing, "requeue", "--all") == "nothing to requeue\n"


def test_a_wrong_repository_is_corrected_by_discarding_and_fetching(relay: Relay, receiver: Receiver) -> None:
    """Start and end have the wrong repository. Fetched from the tool, each counts once at the right one."""
    receiver.script = lambda one: answer("422 X" if one.event["repo"] == "larkspur/shop" else "202 X")
    pagerduty("incident.triggered", "fine").post(relay.url)
    eventually(receiver.taken)

    def died(count: int) -> bool:
        return bool(relay.status()["deadLetters"] == count)

    incident = Incident("Q000001", "shop", "high", (BEGIN, BEGIN + timedelta(minutes=40)))
    file = relay.file
    for number, (_, webhook) in enumerate(incident.deliveries(), 1):
        signed(json.dumps(webhook).encode()).post(relay.url)
        eventually(partial(died, number))
        if number == 1:
            relay.edit("larkspur/shop", "larkspur/web-shop")
    dead = [one["id"] for one in relay.failed()["deadLetters"]]
    done(relay, "discard", *dead, "--reason", "wrong repository")
    environ = {"PAGERDUTY_API_TOKEN": "larkspur-token-000042"}
    with listening(Api(answers([incident]), environ["PAGERDUTY_API_TOKEN"])) as api:
        for _ in range(2):
            ran = fetched(file.parent, api.url, "pagerduty", configuration=file.read_text(), **environ)
            assert ran.returncode == 0, ran.stderr

    assert relay.failed()["deadLetters"] == []
    assert [(one["kind"], one["repo"]) for one in receiver.taken()[1:]] == [
        ("incidentStarted", "larkspur/web-shop"),
        ("incidentResolved", "larkspur/web-shop"),
    ]


def test_what_is_discarded_is_neither_sent_nor_counted_as_failed(refusing: Relay, receiver: Receiver) -> None:
    """A dead letter and a quarantined delivery: gone from every list, and shown with the reason."""
    (event,) = dead_letters(refusing, 1)
    kept = pagerduty("incident.triggered", "Q1", service="attic").post(refusing.url).json()["delivery"]
    assert "Missing option '--reason'" in str(command(refusing, "discard", event["id"]).output)
    assert "nothing was discarded" in refusal(refusing, "discard", event["id"], "unknown", "--reason", "x")
    assert refusing.status()["deadLetters"] == 1
    printed = done(refusing, "discard", event["id"], kept, "--reason", "a drill")
    assert printed == f"{event['id']}: discarded\n{kept}: discarded\n"
    status = refusing.status()
    assert (status["deadLetters"], status["quarantined"], status["waiting"]) == (0, {}, 0)
    assert done(refusing, "failed") == "no dead letters, no quarantined deliveries\n"

    receiver.script = lambda _: answer("202 X")
    assert done(refusing, "replay", "--all") == "nothing to replay\n"
    assert event["id"] not in done(refusing, "replay", "--all", "--delivered")
    (explained,) = refusing.explain("bad0")["events"]
    assert (explained["state"], explained["reason"]) == ("discarded", "a drill")
    for id_ in (event["id"], kept):
        (action,) = told(refusing, "show", id_)["actions"]
        assert (action["action"], action["subject"], action["reason"]) == ("discarded", id_, "a drill")
        assert action["person"]
    assert told(refusing, "show", kept)["stored"]["state"] == "discarded"


def test_postgresql_answers_the_same(tmp_path: Path, receiver: Receiver) -> None:
    """Lists, counters, discarding, open incidents and a paused source, on the other database."""
    receiver.script = lambda one: answer("422 X" if one.event["incidentId"].startswith("bad") else "202 X")
    with postgresql_url(RELAY) as url, in_thread(configure(tmp_path, url=receiver.url, store=url)) as relay:
        (event,) = dead_letters(relay, 1)
        kept = pagerduty("incident.triggered", "Q1", service="attic").post(relay.url).json()["delivery"]
        assert told(relay, "failed")["total"] == {"deadLetters": 1, "quarantined": 1}
        done(relay, "discard", event["id"], kept, "--reason", "a drill")
        assert relay.status()["deadLetters"] == 0
        assert relay.status()["deliveries"] == {"pagerduty": {"stored": 2, "unmapped": 1}}
        assert relay.status()["sources"]["pagerduty"]["lastDelivery"]
        assert [one["action"] for one in told(relay, "show", kept)["actions"]] == ["discarded"]
        assert "fine" in done(relay, "incidents")
        done(relay, "pause", "--source", "pagerduty")
        pagerduty("incident.resolved", "fine", at=ENDED_AT).post(relay.url)
        assert done(relay, "resume") == "resumed\n"
        eventually(lambda: receiver.of("fine")[1:])


def test_an_event_that_waits_is_discarded_by_its_id_and_the_next_goes_out(
    relay: Relay, receiver: Receiver
) -> None:
    """The start of an incident is given up, so its end is the next of the partition."""
    done(relay, "pause")
    pagerduty("incident.triggered", "Q1").post(relay.url)
    pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(relay.url)
    start, _ = (one["id"] for one in relay.explain("Q1")["events"])
    done(relay, "discard", start, "--reason", "it never began")
    done(relay, "resume")
    (arrival,) = eventually(lambda: receiver.of("Q1"))
    assert arrival.event["kind"] == "incidentResolved"


def test_discarding_by_source_and_time_takes_no_more_than_that(refusing: Relay) -> None:
    """More than one batch, of one source; what came later and what waits stays."""
    for number in range(3):
        pagerduty("incident.triggered", f"Q{number}", service="attic").post(refusing.url)
    other = pagerduty("incident.triggered", "Q9", service="attic", source="filtered").post(refusing.url)
    assert other.status_code == 200
    assert done(refusing, "discard", "--source", "pagerduty", "--until", STARTED_AT, "--reason", "x") == (
        "nothing to discard\n"
    )
    told_of = told(refusing, "discard", "--source", "pagerduty", "--reason", "before the go-live")
    assert (told_of["events"], len(told_of["deliveries"])) == ([], 3)
    assert "not both" in refusal(refusing, "discard", "x", "--all", "--reason", "x")
    assert "expected one of" in refusal(refusing, "discard", "--source", "pagerdut", "--reason", "x")


def test_an_open_incident_is_listed_and_closed_by_hand(relay: Relay, receiver: Receiver) -> None:
    """The list says since when and by what; closing sends the end once, whatever the vendor sends later."""
    assert done(relay, "incidents") == "no open incidents\n"
    pagerduty("incident.triggered", "Q1").post(relay.url)
    pagerduty("incident.triggered", "Q2").post(relay.url)
    listed = told(relay, "incidents")
    assert listed["total"] == 2
    assert [one["incident"] for one in listed["incidents"]] == ["Q1", "Q2"]
    printed = done(relay, "incidents", "--limit", "1")
    assert "open incidents, 1 of 2" in printed
    assert "gitdailies relay incidents --limit 1 --skip 1" in printed
    assert "incident.triggered (d" in printed

    printed = done(relay, "close", "Q1", "--at", ENDED_AT, "--reason", "its end was lost")
    assert printed.endswith(": the end waits to be sent\n")
    pagerduty("incident.resolved", "Q1", at="2026-03-04T11:00:00Z").post(relay.url)
    came = eventually(lambda: (found := receiver.of("Q1"))[1:] and found)
    assert [(one.event["kind"], one.event["time"]) for one in came] == [
        ("incidentStarted", STARTED_AT),
        ("incidentResolved", ENDED_AT),
    ]
    assert told(relay, "incidents")["total"] == 1
    assert "closed by hand (delivery d" in (explained := done(relay, "explain", "Q1"))
    assert "because its end was lost" in explained
    assert "expected one that is open" in refusal(relay, "close", "Q1", "--reason", "again")


def test_one_source_is_paused_and_the_others_are_delivered(relay: Relay, receiver: Receiver) -> None:
    """Its events wait, are shown as such, and go out in order when it is resumed."""
    assert "paused filtered: deliveries are accepted" in done(relay, "pause", "--source", "filtered")
    held = partial(pagerduty, incident="held", source="filtered", urgency="high", priority=None)

    def post(one: Delivery) -> None:
        assert one.post(relay.url).status_code == 202

    post(held("incident.triggered"))
    post(held("incident.resolved", at=ENDED_AT))
    for number in range(3):
        post(pagerduty("incident.triggered", f"Q{number}"))
        eventually(partial(receiver.of, f"Q{number}"))
    assert receiver.of("held") == []
    status = relay.status()
    assert [(one["source"], one["by"]) for one in status["paused"]] == [("filtered", "manual")]
    assert "filtered paused by a person" in (text := done(relay, "status"))
    assert "Delivery from filtered is paused: by hand." in text
    assert "paused" in [alert["code"] for alert in status["alerts"]]
    assert "waiting, filtered paused by a person" in done(relay, "explain", "held")
    assert done(relay, "resume", "--source", "pagerduty") == "pagerduty was not paused\n"
    assert done(relay, "resume", "--source", "filtered") == "resumed\n"
    came = eventually(lambda: (found := receiver.of("held"))[1:] and found)
    assert [one.event["kind"] for one in came] == ["incidentStarted", "incidentResolved"]
