"""Figures over HTTP, on both databases: numbers worked out by hand, and refused questions."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_server.storage.database import Database

from tests.support.databases import KINDS
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.shapes import shaped
from tests.support.figures.asking import alike, worked
from tests.support.figures.worked.expected import QUESTIONS, WHY, expected

pytestmark = pytest.mark.parametrize("kind", KINDS)

BERLIN = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=72))


@pytest.fixture
def receiver(database: Callable[[], Database]) -> Iterator[Receiver]:
    with in_thread(database(), settings=BERLIN) as running:
        yield running


@pytest.fixture
def key(receiver: Receiver) -> str:
    assert receiver.post(receiver.key("ci"), worked()).status_code == 202
    return receiver.key("reader", "read", "delete")


def ask(receiver: Receiver, key: str, **query: str) -> dict[str, Any]:
    answer = receiver.get(key, "/api/metrics", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_figures_are_those_worked_by_hand(receiver: Receiver, key: str) -> None:
    """The server answers each question with the numbers of the derivation, as the OpenAPI document says."""
    for name, question in QUESTIONS.items():
        answer = ask(receiver, key, **question)
        shaped("FiguresAnswer", answer)
        alike(answer["figures"], expected(name))
        assert answer["definitions"] == "2026-2"


def test_each_event_says_why(receiver: Receiver, key: str) -> None:
    """Pages of reasons hold every event of the period once, with the words of the table."""
    question = {
        "repo": "Larkspur/Shop",
        "from": "2026-03-16",
        "to": "2026-04-06",
        "now": QUESTIONS["shop"]["now"],
    }
    found: dict[str, str] = {}
    after = ""
    while True:
        page = receiver.get(
            key, "/api/metrics/why", **question, limit="7", **({"after": after} if after else {})
        )
        answer = page.json()
        shaped("JudgedEvents", answer)
        for event in answer["events"]:
            assert event["id"] not in found
            found[event["id"]] = " ".join(verdict["word"] for verdict in event["verdicts"])
        after = answer["next"]
        if after is None:
            break
    elsewhere = {"l1", "l2", "i25", "i26", "i38"}
    before_or_later = {"d01", "d02", "d15", "i36", "i40"}
    assert found == {id_: words for id_, words in WHY.items() if id_ not in elsewhere | before_or_later}
    for id_ in before_or_later | elsewhere:
        one = receiver.get(key, "/api/metrics/why", **question, id=id_).json()["events"]
        assert [" ".join(v["word"] for v in event["verdicts"]) for event in one] == [WHY[id_]]


def test_reasons_without_a_repository_are_those_of_all(receiver: Receiver, key: str) -> None:
    """A question that names no repository finds the events of each."""
    period = {"from": "2026-03-16", "to": "2026-04-06", "now": QUESTIONS["shop"]["now"], "limit": "1000"}
    found = [
        {event["id"] for event in receiver.get(key, "/api/metrics/why", **period, **repo).json()["events"]}
        for repo in ({}, {"repo": "larkspur/shop"}, {"repo": "larkspur/ledger"})
    ]
    assert all(found)
    assert found[0] == found[1] | found[2]


def test_a_header_asks_for_csv(receiver: Receiver, key: str) -> None:
    """`Accept: text/csv` gives CSV, as `format=csv` does."""
    url, question = f"{receiver.url}/api/metrics", QUESTIONS["ledger"]
    headers = {"webhook-key": key, "accept": "text/csv"}
    by_header = requests.get(url, headers=headers, params=question, timeout=10)
    assert by_header.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_header.text == receiver.get(key, "/api/metrics", **question, format="csv").text


WRONG = (
    ("/api/metrics", "from=yesterday", "from: expected a date like 2026-03-04 or a time"),
    ("/api/metrics", "from=2026-03-02&to=2026-03-01", "to: expected a time after from"),
    ("/api/metrics", "from=2999-03-01", "from: expected a time up to now"),
    ("/api/metrics/why", "from=2025-01-01&now=2020-01-01", "from: expected a time up to now"),
    ("/api/metrics/prometheus", "from=2999-03-01&to=2999-03-02", "from: expected a time up to now"),
    ("/api/metrics", "now=2026-03-02T00:00:00", "now: expected a date like"),
    ("/api/metrics", "now=9999-01-01", "now: expected a time up to 20"),
    ("/api/metrics/why", "now=2999-01-01", "now: expected a time up to 20"),
    ("/api/metrics", "window=3", "query: expected one of repo, environment, service, team, from, to, now"),
    ("/api/metrics", "format=xml", "format: expected one of json, csv, got 'xml'"),
    ("/api/metrics", "format=", "format: expected one of json, csv, got ''"),
    ("/api/metrics/why", "after=x", "after: expected the `next` of the page before, got 'x'"),
    ("/api/metrics/why", "limit=0", "limit: expected a whole number from 1 to 1000, got '0'"),
    ("/api/metrics/prometheus", "format=csv", "query: expected one of repo"),
)


def test_a_wrong_question_is_refused(receiver: Receiver, key: str) -> None:
    """A wrong question is answered 400, with the name of the wrong parameter."""
    for path, query, detail in WRONG:
        answer = receiver.get(key, f"{path}?{query}")
        assert (query, answer.status_code) == (query, 400)
        assert answer.json()["detail"].startswith(detail)


def test_figures_are_for_keys_that_may_read(receiver: Receiver, key: str) -> None:
    """A request without a key is answered 401, one with a key that may only send 403."""
    sender = receiver.key("sender")
    for path in ("/api/metrics", "/api/metrics/why", "/api/metrics/series", "/api/metrics/prometheus"):
        assert requests.get(receiver.url + path, timeout=10).status_code == 401
        assert receiver.get(sender, path).status_code == 403
        assert receiver.get(key, path).status_code == 200


def test_a_sent_event_is_in_the_next_answer(receiver: Receiver, key: str) -> None:
    """Answers after the 202 of an event include it, whatever was derived before."""
    send = receiver.key("more")
    for count in range(1, 6):
        event = {"kind": "deployed", "repo": "larkspur/new", "commitSHA": f"{count:040x}"}
        assert receiver.post(send, event).status_code == 202
        answer = ask(receiver, key, repo="LARKSPUR/new")
        assert answer["figures"]["deploymentFrequency"]["deploys"] == count
        assert answer["asOf"] == answer["period"]["now"]
        assert answer["filter"]["repo"] == "larkspur/new"


def test_every_event_has_its_detail(receiver: Receiver, key: str) -> None:
    """Each event, deploy and incident is answered as the OpenAPI document says."""
    names = {"deployed": ("deploys", "DeployDetail"), "incidentStarted": ("incidents", "IncidentDetail")}
    for body in worked()[:40]:
        found = receiver.get(key, f"/api/events/{body['id']}").json()
        shaped("EventDetail", found)
        assert found["event"]["id"] == body["id"]
        if body["kind"] in names:
            path, schema = names[body["kind"]]
            detail = receiver.get(key, f"/api/{path}/{body['id']}").json()
            shaped(schema, detail)
            assert {name: detail[name] for name in ("event", "related")} == {
                name: found[name] for name in ("event", "related")
            }
    for path in (
        "/api/events/none",
        "/api/deploys/none",
        f"/api/deploys/{body['id']}x",
        "/api/incidents/none",
    ):
        assert receiver.get(key, path).status_code == 404
    future = receiver.get(key, f"/api/events/{body['id']}", now="2999-01-01")
    assert (future.status_code, "now: expected a time up to" in future.text) == (400, True)
    unread = receiver.get(receiver.key("sender"), f"/api/events/{body['id']}")
    assert unread.status_code == 403
