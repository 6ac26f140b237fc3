"""The API of the status listener: deliveries with outcomes, one delivery, actions, services and refusals."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_connection import check as checking
from gitdailies_connection.check import FAULT, OK, WARNING, Finding, check_relay
from gitdailies_connection.config.load import load
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import RelayAddress
from gitdailies_relay.operations import services
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.dora.with_relay import STATUS_KEY, with_status_key
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty, signed
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, in_thread

KEY = STATUS_KEY
ATTIC = 'Attic <b>& "two"</b>'


@dataclass
class Api:
    """A running relay, asked with its key."""

    relay: Relay

    def ask(self, path: str, expected: int = 200, /, **query: str) -> dict[str, Any]:
        answer = requests.get(self.relay.status_url + path, headers=bearer(), params=query, timeout=20)
        assert answer.status_code == expected, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def do(self, path: str, expected: int = 200, /, **body: Any) -> dict[str, Any]:
        given = {"person": "Kim", **body}
        answer = requests.post(self.relay.status_url + path, headers=bearer(), json=given, timeout=20)
        assert answer.status_code == expected, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def listed(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/deliveries", **query)["deliveries"]
        return found

    def outcomes(self, **query: str) -> list[str]:
        return [one["outcome"] for one in self.listed(**query)]


def bearer(key: str = KEY) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def api(tmp_path: Path, receiver: Receiver) -> Iterator[Api]:
    with in_thread(with_status_key(tmp_path, url=receiver.url)) as relay:
        yield Api(relay)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A relay that receives nothing, and that writes lines of services: for requests that change nothing."""
    with in_thread(with_status_key(tmp_path_factory.mktemp("quiet")), writes_services=True) as relay:
        yield Api(relay)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (bearer("another"), 401), ({"authorization": f"Basic {KEY}"}, 401), (bearer(), 200)],
)
def test_only_the_key_opens_it(quiet: Api, headers: dict[str, str], status: int) -> None:
    """Without the key, or with another one, the answer says nothing. Health, metrics and status need none."""
    for path in ("/deliveries", "/services", "/refusals"):
        answer = requests.get(quiet.relay.status_url + path, headers=headers, timeout=20)
        assert answer.status_code == status
        assert KEY not in answer.text
    for path in ("/healthz", "/metrics", "/status"):
        assert requests.get(quiet.relay.status_url + path, timeout=20).status_code == 200


def test_without_a_key_in_the_file_it_says_how_to_switch_it_on(relay: Relay) -> None:
    """Where gitdailies.yml names no key, no key opens the API, and the answer names the setting."""
    answer = requests.get(f"{relay.status_url}/deliveries", headers=bearer(), timeout=20)
    assert (answer.status_code, "status_key" in answer.json()["reason"]) == (403, True)


def test_a_new_key_in_the_file_counts_at_once(api: Api) -> None:
    """The key is read at each request: the old one is refused as soon as another is in the file."""
    (api.relay.store.parent / "status-key").write_text("another-key-entirely\n")
    url = f"{api.relay.status_url}/deliveries"
    assert requests.get(url, headers=bearer(), timeout=20).status_code == 401
    assert requests.get(url, headers=bearer("another-key-entirely"), timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/deliveries", 405),
        ("GET", "/deliveries/actions", 404),
        ("GET", "/deliveries/d1/replay", 405),
        ("POST", "/deliveries/d1/delete", 404),
        ("GET", "/deliveries/d1", 404),
        ("GET", "/deliveries/../secret", 404),
        ("GET", "/deliveries?limit=many", 400),
        ("POST", "/deliveries/d1/replay", 400),
        ("GET", "/refusals?after=x", 400),
        ("GET", "/pause", 405),
        ("POST", "/resume", 400),
    ],
)
def test_a_wrong_request_is_named(quiet: Api, method: str, path: str, status: int) -> None:
    """Wrong methods, paths, parameters and bodies have their status, and none is a fault of the relay."""
    answer = requests.request(method, quiet.relay.status_url + path, headers=bearer(), data=b"no", timeout=20)
    assert answer.status_code == status
    assert isinstance(answer.json(), dict)


def test_each_delivery_has_its_outcome(api: Api, receiver: Receiver) -> None:
    """What counted, waits, cannot be read, was filtered, ignored or repeated has its own word."""
    first = pagerduty("incident.triggered", "Q1")
    first.post(api.relay.url)
    eventually(lambda: receiver.of("Q1"))
    first.post(api.relay.url)
    pagerduty("incident.triggered", "Q2", service=ATTIC).post(api.relay.url)
    pagerduty("incident.acknowledged", "Q1").post(api.relay.url)
    signed(b"{}").post(api.relay.url)
    pagerduty("incident.triggered", "Q3", source="filtered", urgency="low").post(api.relay.url)
    eventually(lambda: "passed_on" in api.outcomes())

    assert api.outcomes() == ["filtered", "quarantined", "ignored", "unmapped", "repeated", "passed_on"]
    for outcome in api.outcomes():
        assert api.outcomes(outcome=outcome) == [outcome]
    assert api.outcomes(source="filtered") == ["filtered"]
    assert api.outcomes(service="attic") == ["unmapped"]
    assert api.outcomes(repo="larkspur/checkout-api") == ["passed_on"]
    assert api.outcomes(q="Q2") == ["unmapped"]
    assert api.outcomes(q="escalation_policy") == []
    assert "unmapped" in api.outcomes(q="escalation_policy", bodies="true")


def test_pages_follow_one_another(api: Api) -> None:
    """Each delivery is on one page, those that came last first, and a span of time takes its own."""
    for number in range(7):
        pagerduty("incident.triggered", f"Q{number}", service=ATTIC).post(api.relay.url)
    everything = api.listed()
    walked, after = [], {}
    while True:
        page = api.ask("/deliveries", limit="3", **after)
        walked += page["deliveries"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert walked == everything
    assert [one["incidents"] for one in everything] == [[f"Q{number}"] for number in range(6, -1, -1)]
    times = [one["receivedAt"] for one in everything]
    assert api.listed(**{"from": times[4], "to": times[1]}) == everything[2:5]


def test_one_delivery_is_told_from_its_arrival_to_its_answers(api: Api, receiver: Receiver) -> None:
    """One that counted shows its proof, its line, its event, each attempt, and which incident is open."""
    pagerduty("incident.triggered", "Q1").post(api.relay.url)
    eventually(lambda: api.outcomes() == ["passed_on"])
    found = api.ask(f"/deliveries/{api.listed()[0]['id']}")
    lines = api.relay.file.read_text().splitlines()
    (mapped,) = found["mappedBy"]
    assert lines[mapped["line"] - 1].strip().startswith("checkout-api:")
    assert found["messages"][0]["proof"].endswith("pagerduty-secret")
    assert [attempt["status"] for attempt in found["events"][0]["attempts"]] == [202]
    assert found["openIncidents"][0]["incident"] == "Q1"
    assert found["steps"] == ["replay", "close"]


def test_a_body_is_told_only_where_it_is_asked_for_and_never_a_secret(api: Api) -> None:
    """Without `bodies` there is no body and no header; with it, the source's secret is not in them."""
    body = json.loads(pagerduty("incident.triggered", "Q1", service=ATTIC).body)
    body["event"]["data"]["title"] = "token pd-secret-4f1c0b7a9e in a title"
    signed(json.dumps(body).encode()).post(api.relay.url)
    id_ = api.listed()[0]["id"]
    assert set(api.ask(f"/deliveries/{id_}")["stored"]) == {"state", "code", "reason", "replayedAt"}
    stored = api.ask(f"/deliveries/{id_}", bodies="true")["stored"]
    assert json.loads(stored["body"])["event"]["data"]["service"]["summary"] == ATTIC
    assert "pd-secret-4f1c0b7a9e" not in stored["body"]
    assert not {name for name in stored["headers"] if "signature" in name or "authorization" in name}


def test_a_mapped_service_counts_after_a_replay(api: Api, receiver: Receiver) -> None:
    """After a line was added, the deliveries that waited are replayed together, and each counts once."""
    for incident in ("Q1", "Q2"):
        pagerduty("incident.triggered", incident, service="attic").post(api.relay.url)
    chosen = {"action": "replay", "filter": {"outcome": "unmapped"}}
    counted = api.do("/deliveries/actions", dryRun=True, **chosen)
    assert (counted["count"], counted["more"]) == (2, False)
    api.relay.edit("services:\n", "services:\n  attic: {repo: larkspur/attic}\n")
    chosen["filter"] = counted["filter"]
    done = api.do("/deliveries/actions", confirm=counted["confirm"], **chosen)
    assert len(done["events"]) == 2
    for incident in ("Q1", "Q2"):
        (arrival,) = eventually(partial(receiver.of, incident))
        assert arrival.event["repo"] == "larkspur/attic"
    assert api.outcomes(outcome="unmapped") == []


def test_what_was_not_counted_is_not_acted_on(api: Api) -> None:
    """Where others are chosen than were counted, nothing is done, and the answer has the new number."""
    first = pagerduty("incident.triggered", "Q1", service=ATTIC).post(api.relay.url).json()["delivery"]
    pagerduty("incident.triggered", "Q2", service=ATTIC).post(api.relay.url)
    chosen = {"action": "discard", "reason": "a drill", "filter": {"outcome": "unmapped"}}
    counted = api.do("/deliveries/actions", dryRun=True, **chosen)
    api.do(f"/deliveries/{first}/discard", reason="by itself")
    chosen["filter"] = counted["filter"]
    again = api.do("/deliveries/actions", 409, confirm=counted["confirm"], **chosen)
    assert again["count"] == 1
    assert api.outcomes() == ["unmapped", "discarded"]
    api.do("/deliveries/actions", confirm=again["confirm"], **chosen)
    assert api.outcomes() == ["discarded", "discarded"]


def test_a_dead_letter_is_requeued(api: Api) -> None:
    """An event that the receiver refused is sent again on request, under the same id."""
    pagerduty("incident.triggered", "Q1").post(api.relay.url)
    id_ = api.listed()[0]["id"]
    with_dead_letter(api.relay)
    assert api.outcomes() == ["dead_letter"]
    done = api.do(f"/deliveries/{id_}/requeue")
    assert len(done["events"]) == 1
    eventually(lambda: api.outcomes() == ["passed_on"])
    assert api.do(f"/deliveries/{id_}/requeue")["deliveries"][0]["reasons"] == ["it has no dead letter"]


def with_dead_letter(relay: Relay) -> None:
    """Wait until the event was taken, and put it back as a dead letter."""
    eventually(lambda: relay.status()["waiting"] == 0)
    with transaction(SqliteDatabase(relay.store)) as session:
        session.execute(
            "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts, dead_letter)"
            " SELECT seq, destination, 'default/pagerduty/Q1', 0, 0, 5, '422: refused' FROM events"
        )


def test_an_open_incident_is_closed_by_hand(api: Api, receiver: Receiver) -> None:
    """Closing sends the end, needs a reason, and an end of the vendor counts no second time."""
    pagerduty("incident.triggered", "Q1").post(api.relay.url)
    id_ = api.listed()[0]["id"]
    api.do(f"/deliveries/{id_}/close", 400)
    (event,) = api.do(f"/deliveries/{id_}/close", reason="its end was lost")["events"]
    eventually(lambda: len(receiver.of("Q1")) == 2)
    pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(api.relay.url)
    eventually(lambda: api.relay.status()["waiting"] == 0)
    assert [one.event["id"] for one in receiver.of("Q1")][1:] == [event]
    assert api.ask(f"/deliveries/{id_}")["openIncidents"] == []
    api.do(f"/deliveries/{id_}/close", 400, reason="again")


def test_services_are_listed_with_their_lines(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unmapped services have a suggestion and a number, mapped ones a line and their last use."""
    pagerduty("incident.triggered", "Q1").post(api.relay.url)
    for incident in ("Q2", "Q3"):
        pagerduty("incident.triggered", incident, service="Checkout API (prod)").post(api.relay.url)
    found = api.ask("/services")
    (unmapped,) = found["unmapped"]
    assert (unmapped["service"], unmapped["deliveries"]) == ("Checkout API (prod)", 2)
    assert unmapped["suggestion"] == "larkspur/checkout-api"
    mapped = {one["name"]: one for one in found["mapped"]}
    assert mapped["checkout-api"]["lastSeenAt"] is not None
    assert mapped["shop"]["lastSeenAt"] is None
    assert mapped["helpdesk"]["ignored"]
    assert found["lookedBackTo"] is None, "every delivery so far was read"
    pagerduty("incident.triggered", "Q4").post(api.relay.url)
    monkeypatch.setattr(services, "MOST_READ", 1)
    assert eventually(lambda: api.ask("/services")["lookedBackTo"]) is not None
    lines = api.relay.file.read_text().splitlines()
    assert all(lines[one["line"] - 1].strip().startswith(name) for name, one in mapped.items())


def test_a_line_says_when_it_last_mapped_an_incident(tmp_path: Path, receiver: Receiver) -> None:
    """A line with an id knows its incidents, and a line of another service of its repository has none."""
    file = with_status_key(tmp_path, url=receiver.url)
    lines = "".join(
        f"  {name}: {{repo: larkspur/mono{service}}}\n"
        for name, service in (("Web", ", service: web"), ("P-Web", ", service: api"), ("PANY", ""))
    )
    file.write_text(file.read_text().replace("services:\n", f"services:\n{lines}", 1))
    with in_thread(file) as relay:
        pagerduty("incident.triggered", "Q1", service="Web").post(relay.url)
        eventually(lambda: receiver.of("Q1"))
        mapped = {one["name"]: one for one in Api(relay).ask("/services")["mapped"]}
    found = [mapped[name] for name in ("Web", "P-Web", "PANY")]
    assert [one["lastSeenAt"] is not None for one in found] == [False, True, False]
    assert [one["services"] for one in found] == [[], ["api"], []]
    assert [one["targets"][0]["service"] for one in found] == ["web", "api", None]


def test_lines_of_an_included_file_are_told_with_it(tmp_path: Path, receiver: Receiver) -> None:
    """A line of another file has its name and number; a service of a pattern has the pattern's line."""
    file = with_status_key(tmp_path, url=receiver.url)
    (tmp_path / "generated.yml").write_text('# by a program\n"team-*": {repo: "larkspur/{slug}"}\n')
    file.write_text(file.read_text().replace("services:\n", "services:\n  include: generated.yml\n", 1))
    with in_thread(file) as relay:
        api = Api(relay)
        pagerduty("incident.triggered", "Q1", service="Team-Pay (EU)").post(relay.url)
        (event,) = eventually(lambda: receiver.of("Q1"))
        found = api.ask(f"/deliveries/{api.listed()[0]['id']}")
        (line,) = [one for one in api.ask("/services")["mapped"] if one["name"] == "team-*"]

    assert event.event["repo"] == "larkspur/team-pay-eu"
    mapped = {"service": "Team-Pay (EU)", "file": "generated.yml", "line": 2}
    assert found["mappedBy"] == [{**mapped, "repos": ["larkspur/team-pay-eu"]}]
    assert (line["file"], line["line"], line["lastSeenAt"] is not None) == ("generated.yml", 2, True)


def test_wrong_proofs_are_grouped_and_no_body_of_them_is_stored(api: Api) -> None:
    """The same fault from one address is one line with a number, with its reason; the body is nowhere."""
    for _ in range(3):
        signed(b'{"planted": "body of a 401"}', text="wrong").post(api.relay.url)
    requests.post(f"{api.relay.url}/hooks/nothing", json={"planted": 1}, timeout=20)
    lines = eventually(lambda: api.ask("/refusals")["refusals"])
    by_status = {one["status"]: one for one in lines}
    assert (by_status[401]["source"], by_status[401]["requests"]) == ("pagerduty", 3)
    assert "signature" in by_status[401]["reason"]
    assert by_status[404]["source"] is None
    assert len(api.ask("/refusals", source="pagerduty")["refusals"]) == 1
    assert api.listed() == []
    assert b"planted" not in api.relay.store.read_bytes()
    wal = api.relay.store.with_name("relay.db-wal")
    assert not wal.exists() or b"planted" not in wal.read_bytes()


def test_a_store_that_cannot_be_read_is_a_503(api: Api) -> None:
    """While the store cannot be read the answer is 503 with Retry-After, and names no path of a secret."""
    api.relay.store.rename(api.relay.store.with_suffix(".away"))
    answer = requests.get(f"{api.relay.status_url}/deliveries", headers=bearer(), timeout=20)
    api.relay.store.with_suffix(".away").rename(api.relay.store)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.fixture
def writing(tmp_path: Path, receiver: Receiver) -> Iterator[Api]:
    """A relay that writes lines of services, as that of `gitdailies up` does."""
    with in_thread(with_status_key(tmp_path, url=receiver.url), writes_services=True) as relay:
        yield Api(relay)


def test_a_saved_line_counts_what_waited(writing: Api, receiver: Receiver) -> None:
    """The line is in the file and in force at once, and each delivery that waited for it counts, once."""
    for incident in ("Q1", "Q2"):
        pagerduty("incident.triggered", incident, service=ATTIC).post(writing.relay.url)
    pagerduty("incident.triggered", "Q3", service="cellar").post(writing.relay.url)
    file = writing.relay.file
    before = file.read_text().splitlines()
    done = writing.do("/services", service=ATTIC, repo="larkspur/attic", environment="production")
    assert len(done["events"]) == 2
    for incident in ("Q1", "Q2"):
        (arrival,) = eventually(partial(receiver.of, incident))
        assert (arrival.event["repo"], arrival.event["environment"]) == ("larkspur/attic", "production")
    after = file.read_text().splitlines()
    assert [line for line in after if line not in before] == [after[before.index("services:") + 1]]
    assert load(file).routes.table[ATTIC.casefold()][0].repo == "larkspur/attic"
    found = writing.ask("/services")
    assert (found["writable"], [one["service"] for one in found["unmapped"]]) == (True, ["cellar"])
    writing.do("/services", service="cellar", ignore=True)
    assert writing.ask("/services")["waiting"] == 0
    assert receiver.of("Q3") == []


def test_what_waited_before_it_never_counted_waits_again(writing: Api, receiver: Receiver) -> None:
    """*Never count it*, then the removal of that line: the delivery waits, and a line for it counts it."""
    body = json.loads(pagerduty("incident.triggered", "Q1").body)
    body["event"]["data"]["service"] = {"id": "PBILL01", "summary": "Billing"}
    signed(json.dumps(body).encode()).post(writing.relay.url)
    writing.do("/services", service="PBILL01", name="Billing", ignore=True)
    assert writing.ask("/services")["waiting"] == 0
    writing.do("/services", service="PBILL01", change="remove")
    assert [one["service"] for one in writing.ask("/services")["unmapped"]] == ["Billing"]
    writing.do("/services", service="PBILL01", name="Billing", ignore=True)
    writing.do("/services", service="PBILL01", repo="larkspur/billing", change="edit")
    (arrival,) = eventually(partial(receiver.of, "Q1"))
    assert arrival.event["repo"] == "larkspur/billing"


def test_a_changed_line_counts_what_comes_next(writing: Api, receiver: Receiver) -> None:
    """An edit holds from the next incident on; an open one stays, and its delivery names its line."""
    writing.do("/services", service="P-attic", name="attic", repo="larkspur/atic")
    pagerduty("incident.triggered", "Q1", service="attic").post(writing.relay.url)
    (first,) = eventually(partial(receiver.of, "Q1"))
    writing.do("/services", service="P-attic", repo="larkspur/attic", change="edit")
    pagerduty("incident.resolved", "Q1", service="attic").post(writing.relay.url)
    pagerduty("incident.triggered", "Q2", service="attic").post(writing.relay.url)
    (second,) = eventually(partial(receiver.of, "Q2"))
    assert (first.event["repo"], second.event["repo"]) == ("larkspur/atic", "larkspur/attic")
    assert {one.event["repo"] for one in eventually(partial(receiver.of, "Q1"))} == {"larkspur/atic"}
    found = writing.ask(f"/deliveries/{writing.listed()[-1]['id']}")
    said = "mapped by the line p-attic of services, which said larkspur/atic"
    assert said in [message["reason"] for message in found["messages"]]
    assert found["mappedBy"][0]["repos"] == ["larkspur/attic"]
    writing.do("/services", service="p-attic", change="remove")
    assert "P-attic" not in [one["name"] for one in writing.ask("/services")["mapped"]]
    assert "no line in gitdailies.yml" in writing.do("/services", 400, service="x", change="remove")["reason"]
    assert "change: expected one of" in writing.do("/services", 400, service="x", change="go")["reason"]


def test_services_of_one_name_have_a_line_each(writing: Api) -> None:
    """The id comes before the name, which may be that of several services."""
    for id_ in ("P3MAIL0", "P3MAIL1"):
        body = json.loads(pagerduty("incident.triggered", f"Q{id_}").body)
        body["event"]["data"]["service"] = {"id": id_, "summary": "Letters"}
        signed(json.dumps(body).encode()).post(writing.relay.url)
    found = {one["line"] for one in writing.ask("/services")["unmapped"]}
    assert found == {f'"{id_}": {{repo: REPOSITORY}}  # Letters' for id_ in ("P3MAIL0", "P3MAIL1")}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"service": "attic", "repo": "attic"}, "services.attic.repo: expected"),
        ({"service": "attic"}, "repo: expected"),
        ({"service": "checkout-api", "repo": "a/b"}, "has a line already"),
        ({"service": "*", "repo": "a/b"}, "every other service"),
        ({"service": "attic", "ignore": "yes"}, "ignore: expected true or false"),
    ],
)
def test_a_wrong_line_changes_nothing(quiet: Api, body: dict[str, Any], said: str) -> None:
    """What `gitdailies check` would refuse is refused, with the reason, and the file is as it was."""
    file = quiet.relay.file
    before = file.read_bytes()
    assert said in quiet.do("/services", 400, **body)["reason"]
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_taken_over_is_put_back(writing: Api) -> None:
    """Where the file cannot be used, as a secret is gone, the line is taken back, and the reason told."""
    file = writing.relay.file
    before = file.read_bytes()
    (file.parent / "datadog-token").unlink()
    said = writing.do("/services", 400, service="attic", repo="larkspur/attic")["reason"]
    assert "datadog-token" in said
    assert file.read_bytes() == before


def test_a_relay_of_its_own_leaves_its_file_to_people(api: Api) -> None:
    """Without `gitdailies up` the file is not written, and the answer says what to do by hand."""
    assert not api.ask("/services")["writable"]
    assert "gitdailies reload" in api.do("/services", 403, service="attic", repo="a/b")["reason"]


@pytest.mark.parametrize("source", ["pagerduty", "datadog", "squadcast"])
def test_an_example_takes_the_whole_path_and_counts_nowhere_else(
    api: Api, receiver: Receiver, source: str
) -> None:
    """An example is proved, read, counted for the repository of examples, and ended; so is a second one."""
    api.do("/sources/nothing/example", 404)
    ids = [api.do(f"/sources/{source}/example")["delivery"] for _ in range(2)]
    assert len(set(ids)) == 2
    arrived = eventually(lambda: receiver.arrivals if len(receiver.arrivals) == 4 else [])
    assert {(one.event["repo"], one.event["environment"]) for one in arrived} == {
        ("gitdailies/example", "gitdailies-example")
    }
    eventually(lambda: api.relay.status()["openIncidents"] == 0)
    for id_ in ids:
        found = api.ask(f"/deliveries/{id_}")
        assert found["outcome"] == "passed_on"
        assert found["messages"][0]["proof"].startswith("file ")
    assert b"gitdailies-example-token" not in api.relay.store.read_bytes()


def test_a_source_is_paused_and_resumed(api: Api, receiver: Receiver) -> None:
    """Its events wait until it is resumed, and a pause needs a reason and a source that exists."""
    assert "reason: expected" in api.do("/pause", 400, source="pagerduty")["reason"]
    assert "source: expected one of" in api.do("/pause", 400, source="nothing", reason="a test")["reason"]
    (paused,) = api.do("/pause", source="pagerduty", reason="a drill")["paused"]
    assert (paused["source"], paused["reason"]) == ("pagerduty", "a drill")
    assert api.do("/pause", source="pagerduty", reason="a drill")["changed"] is False
    pagerduty("incident.triggered", "Q1").post(api.relay.url)
    assert api.outcomes() == ["waiting"]
    assert api.do("/resume") == {"changed": True, "paused": []}
    eventually(lambda: receiver.of("Q1"))


def test_check_says_whether_the_pages_reach_a_relay(quiet: Api, tmp_path: Path, monkeypatch: Any) -> None:
    """The right key is ok; another key, another server, no server and another version each have a remedy."""

    def found(url: str, key: str = KEY) -> Finding:
        (tmp_path / "key").write_text(key)
        secret = SecretSource.make(file=tmp_path / "key")
        return check_relay(RelayAddress("relay", url, secret), {})

    url = quiet.relay.status_url
    assert (found(url).level, "answers with its key, version" in found(url).text) == (OK, True)
    for wrong, said in (
        (found(url, "another-key"), "it refuses the key"),
        (found(quiet.relay.url), "it has no such path"),
        (found("http://127.0.0.1:1"), "dora.relay relay at http://127.0.0.1:1: "),
    ):
        assert (wrong.level, said in wrong.text, "dora.relay" in wrong.remedy) == (FAULT, True, True)
    monkeypatch.setattr(checking, "version", lambda _: "9.9.9")
    assert (found(url).level, "this is 9.9.9" in found(url).text) == (WARNING, True)
