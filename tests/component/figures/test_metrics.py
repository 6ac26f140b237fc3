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

PERIOD = {"from": "2026-03-16", "to": "2026-04-06", "now": QUESTIONS["shop"]["now"]}
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
        answer = shaped("FiguresAnswer", ask(receiver, key, **question))
        alike(answer["figures"], expected(name))
        assert answer["definitions"] == "2026-2"


def test_each_event_says_why(receiver: Receiver, key: str) -> None:
    """Pages of reasons hold every event of the period once, with the words of the table."""
    question = {"repo": "Larkspur/Shop", **PERIOD}
    found: dict[str, str] = {}
    after: dict[str, str] = {}
    while after.get("after", "") is not None:
        page = receiver.get(key, "/api/metrics/why", **question, limit="7", **after)
        answer = shaped("JudgedEvents", page.json())
        for event in answer["events"]:
            assert event["id"] not in found
            found[event["id"]] = " ".join(verdict["word"] for verdict in event["verdicts"])
        after = {"after": answer["next"]}
    elsewhere = {"l1", "l2", "i25", "i26", "i38"}
    before_or_later = {"d01", "d02", "d15", "i36", "i40"}
    assert found == {id_: words for id_, words in WHY.items() if id_ not in elsewhere | before_or_later}
    for id_ in before_or_later | elsewhere:
        one = receiver.get(key, "/api/metrics/why", **question, id=id_).json()["events"]
        assert [" ".join(v["word"] for v in event["verdicts"]) for event in one] == [WHY[id_]]


def test_reasons_without_a_repository_are_those_of_all(receiver: Receiver, key: str) -> None:
    """A question that names no repository finds the events of each."""
    found = [
        {one["id"] for one in receiver.get(key, "/api/metrics/why", **PERIOD, **asked).json()["events"]}
        for asked in ({"limit": "1000"}, {"repo": "larkspur/shop"}, {"repo": "larkspur/ledger"})
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
        found = shaped("EventDetail", receiver.get(key, f"/api/events/{body['id']}").json())
        assert found["event"]["id"] == body["id"]
        if body["kind"] in names:
            path, schema = names[body["kind"]]
            detail = shaped(schema, receiver.get(key, f"/api/{path}/{body['id']}").json())
            assert (detail["event"], detail["related"]) == (found["event"], found["related"])
    for path in ("events/none", "deploys/none", f"deploys/{body['id']}x", "incidents/none"):
        assert receiver.get(key, f"/api/{path}").status_code == 404
    future = receiver.get(key, f"/api/events/{body['id']}", now="2999-01-01")
    assert (future.status_code, "now: expected a time up to" in future.text) == (400, True)
    unread = receiver.get(receiver.key("sender"), f"/api/events/{body['id']}")
    assert unread.status_code == 403
