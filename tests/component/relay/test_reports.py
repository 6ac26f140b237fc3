"""Status, failed and explain: their whole shapes as JSON, and the truth of their values."""

import json
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gitdailies_cli import output
from gitdailies_relay.store import store
from gitdailies_server.shared_metrics import VERSION
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.databases import KINDS, setting
from tests.support.processes import eventually, run
from tests.support.relay import reports
from tests.support.relay.deliveries import ENDED_AT, STARTED_AT, pagerduty, signed
from tests.support.relay.receiver import Receiver, answer, by_incident
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.servers import free_port, serving

SHAPES = json.loads((Path(__file__).parent / "data/reports.json").read_text())
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def shape(value: Any) -> Any:
    """Replace values that differ between runs: current times by `time`, ids by their kind."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str) and value not in (STARTED_AT, ENDED_AT):
        if TIME.fullmatch(value):
            return "time"
        value = re.sub(r"\bd[0-9a-f]{22}\b", "delivery", value)
        value = re.sub(r"\bincident-[0-9a-f]{32}\b", "event", value)
        return re.sub(r"file \S+/", "file ", value)
    return value


def pairs(printed: str) -> dict[str, str]:
    """Parse a command's output as names and values."""
    found = [line.split("  ", 1) for line in printed.splitlines() if "  " in line]
    return {name: value.strip() for name, value in found}


@pytest.fixture
def busy(relay: Relay, receiver: Receiver) -> Relay:
    """A relay with one event delivered, one dead letter, one retry, and two quarantined bodies."""
    receiver.script = by_incident(refused="400 X", failing="429 X")
    for incident in ("fine", "refused", "failing"):
        pagerduty("incident.triggered", incident).post(relay.url)
        eventually(partial(receiver.of, incident))
    pagerduty("incident.resolved", "failing", at=ENDED_AT).post(relay.url)
    pagerduty("incident.triggered", "nowhere", service="attic").post(relay.url)
    signed(b"{}").post(relay.url)
    eventually(lambda: relay.status()["retrying"])
    return relay


def test_status_as_json(busy: Relay) -> None:
    """The status listener and the report have the same numbers, and they add up."""
    status = busy.status()
    size = status.pop("bytes")
    assert busy.store.stat().st_size <= size < 2**20
    assert 0 <= status.pop("freeBytes") < size
    alerts = [alert["code"] for alert in status.pop("alerts")]
    assert alerts == ["receiver_failing", "dead_letters", "quarantined", "quarantined", "incident_open"]
    server = status["server"]
    assert (server.pop("version"), server.pop("store")) == (VERSION, f"sqlite:{busy.store.resolve()}")
    assert shape(status) == SHAPES["status"]
    del status["server"], status["sources"]
    with store.reading(SqliteDatabase(busy.store)) as connection:
        assert status.items() <= reports.status(connection).items()


def test_failed_as_json(busy: Relay) -> None:
    """Dead letters and quarantined deliveries, each with its reason."""
    assert shape(busy.failed()) == SHAPES["failed"]


def test_explain_as_json(busy: Relay) -> None:
    """Deliveries, occurrences, events and attempts of one incident, in order, with nothing left out."""
    explained = busy.explain("failing")
    start, end = explained["events"]
    assert shape({**explained, "events": [{**start, "event": None}]}) == SHAPES["explain"]
    assert (start["event"]["kind"], start["event"]["id"]) == ("incidentStarted", start["id"])
    assert (end["state"], end["dueAt"], end["attempts"]) == ("blocked", None, [])


def test_status_and_explain_use_the_same_words(busy: Relay) -> None:
    """Verdicts and states are shown as JSON has them, in `status` and in `explain`."""
    assert pairs(busy.command("status"))["last attempt"].endswith("Z retry: answered 429")
    retried, refused = (busy.command("explain", incident) for incident in ("failing", "refused"))
    assert ": 429 retry: answered 429\n" in retried
    assert ": 400 dead_letter: answered 400\n" in refused
    *_, state, advice = refused.splitlines()
    assert state.endswith(": dead_letter, answered 400")
    event = state.partition(":")[0]
    requeue, discard = f"gitdailies relay requeue {event}", f"gitdailies relay discard {event} --reason TEXT"
    said = f"correct what the reason names, then `{requeue}`; or give it up: `{discard}`"
    assert advice == f"  what to do: {said}"


def test_an_incident_that_nobody_named_has_an_empty_story(busy: Relay) -> None:
    """Explain of an unknown incident is empty, not an error."""
    assert busy.explain("never") == {"incident": "never", "deliveries": [], "occurrences": [], "events": []}


@pytest.mark.parametrize("kind", KINDS)
def test_explain_is_asked_by_any_id(tmp_path: Path, receiver: Receiver, kind: str) -> None:
    """An incident, its deliveries and its event lead to one story; an unreadable delivery is shown alone."""
    with setting(kind) as at, in_thread(configure(tmp_path, url=receiver.url, store=at)) as relay:
        first, second = (
            pagerduty(word, "seen").post(relay.url).json()
            for word in ("incident.triggered", "incident.acknowledged")
        )
        unread = [signed(body).post(relay.url).json() for body in (b'{"event": {}}', b'{"event": {"id": 1}}')]
        eventually(lambda: relay.status()["waiting"] == 0)
        explained = json.loads(relay.command("explain", "seen", "--json"))
        for named in (first["delivery"], *first["events"], second["delivery"], " seen\n"):
            assert json.loads(relay.command("explain", named, "--json")) == explained
        text = relay.command("explain", "seen")
        alone = json.loads(relay.command("explain", unread[0]["delivery"], "--json"))["deliveries"]
        shown = relay.command("explain", unread[0]["delivery"])
        refusals = [relay.command("explain", "never", *more, expected=2) for more in ((), ("--json",))]
    assert [(one["word"], one["outcome"], one["events"]) for one in explained["deliveries"]] == [
        ("incident.triggered", "stored", first["events"]),
        ("incident.acknowledged", "ignored", []),
    ]
    (event,) = explained["events"]
    assert (event["state"], [one["status"] for one in event["attempts"]]) == ("delivered", [202])
    assert f"because {explained['deliveries'][1]['reason']}" in text
    assert first["delivery"] in text
    assert [(one["delivery"], one["reason"]) for one in alone] == [
        (unread[0]["delivery"], unread[0]["reason"])
    ]
    assert shown.startswith("the delivery names no incident\n")
    assert unread[1]["delivery"] not in shown
    unknown = (
        "gitdailies: ID: expected an incident, a delivery or an event of this store, got 'never'; events "
        "that were sent to the receiver without the relay are only there: ask it with `gitdailies why`, "
        "which needs a key that may read\n"
    )
    assert refusals == [unknown] * 2


def _refused(relay: Relay, number: int) -> list[Any]:
    return relay.logged("configuration not reloaded")[number - 1 :]


FAULTS = ("services: [", "nonsense: 1", "{repo: nowhere}", "\0", "", "no-such-file")


def test_a_faulty_configuration_leaves_the_old_one_in_force(relay: Relay) -> None:
    """After a reload with a fault the log names file and line, and deliveries go on as before."""
    text = relay.file.read_text()
    for number, fault in enumerate(FAULTS, 1):
        parts = {"{repo: nowhere}": "{repo: larkspur/shop}", "no-such-file": "pagerduty-secret"}
        relay.file.write_text(text.replace(parts[fault], fault) if fault in parts else fault)
        relay.reload()
        refused = eventually(partial(_refused, relay, number))
        assert "no-such-file" in refused[0]["reason"] or "gitdailies.yml" in refused[0]["reason"]
        assert pagerduty("incident.triggered", f"fault-{number}").post(relay.url).status_code == 202


def test_status_of_a_stopped_relay_is_shown(tmp_path: Path) -> None:
    """`relay status` needs no running server."""
    with in_thread(configure(tmp_path)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
    done = run("relay", "status", "--config", "gitdailies.yml", folder=tmp_path)
    rows = pairs(done.stdout)
    assert rows["server"] == "no server at 127.0.0.1:0 (relay.status) uses this store"
    assert rows["waiting"].startswith("1, ")
    assert rows["delivery"] == "not paused"
    assert rows["dead letters"] == "0"


def with_status(file: Path) -> Path:
    """Have a configuration name the address of its status listener, for commands to ask."""
    file.write_text(file.read_text().replace("status: 127.0.0.1:0", f"status: 127.0.0.1:{free_port()}"))
    return file


@pytest.fixture
def at_home(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    """A relay whose configuration names the address of its status listener."""
    with in_thread(with_status(configure(tmp_path, url=receiver.url))) as running:
        yield running


def test_status_says_that_the_server_runs(at_home: Relay) -> None:
    """The command asks the server of the same store and shows its version."""
    rows = pairs(at_home.command("status"))
    assert rows["server"] == f"runs, version {VERSION}"
    assert rows["delivery"] == "delivering"
    assert json.loads(at_home.command("status", "--json"))["server"] == at_home.status()["server"]


def test_status_says_what_is_the_matter_with_the_server(at_home: Relay, receiver: Receiver) -> None:
    """A faulty configuration and a failing receiver are shown, each with what to do."""
    receiver.script = lambda _: answer("503 X", Retry_After="60")
    pagerduty("incident.triggered", "Q1").post(at_home.url)
    file = at_home.file
    right = file.read_text()
    file.write_text(right.replace("services:", "servces:"))
    at_home.reload()
    server = eventually(lambda: (s := at_home.status()["server"])["reloadFailed"] and s)
    assert eventually(lambda: at_home.status()["server"]["circuit"] == "open")
    file.write_text(right)
    rows = pairs(at_home.command("status"))
    assert rows["server"].endswith(
        "the last reload of gitdailies.yml failed, so the previous one is used; "
        "run `gitdailies check`, then `gitdailies reload`"
    )
    assert rows["delivery"] == "the receiver fails and is probed: answered 503"
    assert server["storeFault"] is None
    at_home.reload()
    eventually(lambda: not at_home.status()["server"]["reloadFailed"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_never_answered_is_shown_with_the_reason(tmp_path: Path, kind: str) -> None:
    """If the receiver is down since the start, status and explain give the reason, on either store."""
    with setting(kind) as at:
        file = with_status(configure(tmp_path, store=at))
        file.write_text(file.read_text().replace("  receiver: ours\n", ""))
        with in_thread(file) as relay:
            pagerduty("incident.triggered", "Q1").post(relay.url)
            reason = eventually(lambda: relay.status()["server"]["circuitReason"])
            rows = pairs(relay.command("status"))
            story = relay.command("explain", "Q1")
            assert relay.status()["lastAttempt"] is None
    assert reason == "127.0.0.1:1: connection refused"
    assert rows["delivery"] == f"the receiver fails and is probed: {reason}"
    assert story.endswith(f": waiting, {rows['delivery']}\n")


@pytest.mark.parametrize(
    ("by", "begins"), [("a person", "nothing changed, delivery is "), ("key", "before, it was ")]
)
def test_a_pause_is_explained_and_replaced(at_home: Relay, receiver: Receiver, by: str, begins: str) -> None:
    """`explain` has cause, reason and time. A pause of the relay becomes one of a person."""
    pagerduty("incident.triggered", "before").post(at_home.url)
    eventually(lambda: at_home.explain("before")["events"][0]["state"] == "delivered")
    receiver.script = lambda _: answer("401 X")
    if by == "a person":
        at_home.command("pause", "--reason", "maint")
    for incident in ("Q0", "Q1"):
        pagerduty("incident.triggered", incident).post(at_home.url)
    (paused,) = eventually(lambda: at_home.status()["paused"])

    explained = json.loads(at_home.command("explain", "Q1", "--json"))
    assert explained["paused"] == [paused]
    assert explained["server"]["store"] == at_home.status()["server"]["store"]
    said = f"paused by {by} since {output.time_for_people(paused['since'])}: {paused['reason']}"
    story = at_home.command("explain", "Q1").splitlines()
    assert story[-1].endswith(f": waiting, {said}")
    assert "maint" in story[-1] or "the key is refused" in story[-1]
    assert "paused" not in at_home.command("explain", "before")

    assert at_home.command("pause", "--reason", "mine").splitlines()[-1] == begins + said
    (paused,) = at_home.status()["paused"]
    assert (paused["by"], paused["reason"]) == ("manual", "maint" if by == "a person" else "mine")


def test_the_server_of_another_store_is_not_taken_for_ours(at_home: Relay, tmp_path: Path) -> None:
    """A relay that listens where ours would, with another store, is no server of ours."""
    file = tmp_path / "gitdailies.yml"
    file.write_text(file.read_text().replace("relay.db", "other.db"))
    store.migrate(SqliteDatabase(tmp_path / "other.db"))
    assert pairs(at_home.command("status"))["server"].startswith("no server at 127.0.0.1:")


def test_status_is_shown_whatever_answers_in_place_of_the_server(tmp_path: Path) -> None:
    """If another program answers at the server's address, the command goes on without the server."""
    file = configure(tmp_path)
    store.migrate(SqliteDatabase(tmp_path / "relay.db"))
    for answered in (b"", b"220 mail.example\r\n", b"HTTP/1.1 200 OK\r\n\r\n[1]", b"HTTP/1.1 500 X\r\n\r\n{"):
        with serving(lambda connection, _: connection.sendall(answered)) as other:  # noqa: B023
            file.write_text(re.sub(r"status: \S+", f"status: 127.0.0.1:{other.port}", file.read_text()))
            done = run("relay", "status", "--config", "gitdailies.yml", folder=tmp_path)
        line = f"no server at 127.0.0.1:{other.port} (relay.status) uses this store"
        assert pairs(done.stdout)["server"] == line


def test_a_server_that_does_not_answer_in_time_is_said_to_be_slow(tmp_path: Path) -> None:
    """It may use this store all the same, so nothing is said about that."""
    file = configure(tmp_path)
    store.migrate(SqliteDatabase(tmp_path / "relay.db"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        file.write_text(re.sub(r"status: \S+", f"status: 127.0.0.1:{port}", file.read_text()))
        done = run("relay", "status", "--config", "gitdailies.yml", folder=tmp_path)
    assert pairs(done.stdout)["server"] == f"127.0.0.1:{port} (relay.status) did not answer within 5 s"
