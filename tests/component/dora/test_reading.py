"""GET /api/events and DELETE of one: cursors, filters, streams, audit lines."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.sql.database import transaction

from tests.support.databases import PAGE_KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_process

pytestmark = pytest.mark.matrix

ROWS = 40_000


@pytest.fixture(params=PAGE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each test of this module runs on either database."""
    return str(request.param)


def seven(receiver: Receiver) -> str:
    """Send seven events and return a key that may read."""
    key = receiver.key("all", "send", "read", "delete")
    sent = [
        body("deploy"),
        body("deploy", id="deploy-2", environment="Staging", service=None),
        body("deploy", id="deploy-3", repo="larkspur/ledger", environment=None),
        body("incident-started", id="start-1"),
        body("incident-resolved", id="end-1"),
        body("incident-started", id="start-2", incidentId="Q2", service="API"),
        body("public-client", id="deploy-4"),
    ]
    assert receiver.post(key, sent).status_code == 202
    return key


def test_events_are_listed_in_full(receiver: Receiver) -> None:
    """A listed event has its kind, id and time, all its fields, and when it was received."""
    key = receiver.key("ci", "send", "read")
    receiver.post(key, body("deploy", team="payments"))
    answer = receiver.get(key)
    (event,) = answer.json()["events"]
    assert answer.headers["content-type"] == "application/json"
    assert event.pop("receivedAt").endswith("Z")
    assert event == body("deploy", team="payments")


def test_pages_follow_each_other(receiver: Receiver) -> None:
    """Whatever the limit, following `next` gives every event once, oldest received first."""
    key = seven(receiver)
    whole = [event["id"] for event in receiver.events(key)]
    assert whole == ["deploy-1", "deploy-2", "deploy-3", "start-1", "end-1", "start-2", "deploy-4"]
    for limit in (1, 2, 3, 6, 7, 8):
        found, after, pages = [], "0", 0
        while after != "None":
            page = receiver.get(key, limit=str(limit), after=after).json()
            found += [event["id"] for event in page["events"]]
            after, pages = str(page["next"]), pages + 1
        assert (found, pages) == (whole, -(-len(whole) // limit))


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"kind": "incidentStarted"}, ["start-1", "start-2"]),
        ({"repo": "LARKSPUR/Ledger"}, ["deploy-3", "start-1", "end-1", "start-2"]),
        ({"environment": "staging"}, ["deploy-2"]),
        ({"environment": "", "kind": "deployed"}, ["deploy-3", "deploy-4"]),
        ({"service": "api"}, ["deploy-1", "deploy-3", "start-2"]),
        ({"incidentId": "Q1LARK7XW2M4CD"}, ["start-1", "end-1"]),
        ({"incidentId": "q1lark7xw2m4cd"}, []),
        ({"repo": "' OR 1=1 --"}, []),
        ({"repo": "larkspur/checkout-api", "limit": "1"}, ["deploy-1"]),
        ({"kind": "deployed", "after": "1"}, ["deploy-2", "deploy-3", "deploy-4"]),
    ],
)
def test_filters(receiver: Receiver, filters: dict[str, str], ids: list[str]) -> None:
    """A filter gives the events that say so; names in any case, an empty one those that say nothing."""
    assert [event["id"] for event in receiver.events(seven(receiver), **filters)] == ids


def test_spellings_of_a_repository_are_one(receiver: Receiver) -> None:
    """Upper and lower case and a trailing .git make no other repository, in lists and in figures."""
    key = receiver.key("all", "send", "read")
    for number, repo in enumerate(("acme/Shop", "Acme/shop.git", "acme/SHOP.GIT")):
        receiver.post(key, body("incident-started", repo=repo, time=None, incidentId="I1"))
        receiver.post(key, body("deploy", repo=repo, id=f"d{number}", time=None, commitSHA=f"{number:040x}"))
    for repo in ("acme/shop", "ACME/shop.git"):
        assert len(receiver.events(key, repo=repo)) == 6
        assert len(receiver.events(key, repo=repo, incidentId="I1")) == 3
        assert len(receiver.events(key, repo=repo, kind="deployed")) == 3
        figures = receiver.get(key, "/api/metrics", repo=repo).json()["figures"]
        assert figures["deploymentFrequency"]["deploys"] == 3
    assert receiver.events(key, repo="acme/other", incidentId="I1") == []


def test_next_counts_only_what_matches(receiver: Receiver) -> None:
    """`next` is null if no matching event follows, even if others do."""
    key = seven(receiver)
    assert receiver.get(key, kind="incidentResolved", limit="1").json()["next"] is None
    assert receiver.get(key, kind="incidentStarted", limit="1").json()["next"].endswith(".4")


def test_the_end_of_a_list_is_where_later_events_begin(receiver: Receiver) -> None:
    """With `end` as `after`, a list holds what came since, also where no event matched before."""
    key = seven(receiver)
    filters = {"repo": "larkspur/quay"}
    whole, none = receiver.get(key).json(), receiver.get(key, direction="backward", **filters).json()
    assert (whole["end"], none["events"]) == (none["end"], [])
    assert whole["end"].endswith(".7")
    receiver.post(key, body("deploy", id="deploy-5", repo="larkspur/quay"))
    receiver.post(key, body("deploy", id="deploy-6"))
    # A release before had numbers alone.
    for after in (whole["end"], "7"):
        later = receiver.get(key, after=after, **filters).json()
        assert [event["id"] for event in later["events"]] == ["deploy-5"]
        assert later["next"] is None
    assert receiver.get(receiver.key("new", "read"), after=later["end"]).json()["events"] == []


def test_a_cursor_of_another_time_of_the_store_is_refused(receiver: Receiver) -> None:
    """One of another epoch, or of a number that no event ever had, is 410 and says what to do."""
    key = seven(receiver)
    epoch = receiver.get(key).json()["end"].partition(".")[0]
    receiver.delete(receiver.key("deletes", "delete"), "deploy-4")
    for order, after, status in (
        ("received", "7", 200),
        ("received", f"{epoch}.7", 200),
        ("received", "8", 410),
        ("received", f"{epoch}.8", 410),
        ("received", "0123abcd.3", 410),
        ("happened", f"{epoch}.1772000000000000,3", 200),
        ("happened", "0123abcd.1772000000000000,3", 410),
        ("received", "0123abc.3", 400),
    ):
        answer = receiver.get(key, order=order, after=after)
        assert answer.status_code == status, after
        if status == 410:
            assert answer.json()["type"] == "urn:gitdailies:problem:gone"
            assert "read the list again without it" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["limit=0", "after=x", "kind=deploy", "order=desc", "direction=up"])
def test_a_wrong_query_is_400(receiver: Receiver, query: str) -> None:
    """A query that is not understood is refused by name."""
    answer = receiver.get(receiver.key("dash", "read"), f"/api/events?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert query.partition("=")[0] in answer.json()["detail"]


def test_a_key_that_may_not_read(receiver: Receiver) -> None:
    """A key made without --allow sends and cannot read."""
    answer = receiver.get(receiver.key("ci"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:gitdailies:problem:forbidden")


def test_a_deleted_event_is_in_the_audit(receiver: Receiver) -> None:
    """A deleted event is in no list and in one audit line. It may be sent again."""
    key = seven(receiver)
    assert receiver.delete(key, "deploy-2").json() == {"status": "deleted", "id": "deploy-2"}
    assert receiver.delete(key, "deploy-2").status_code == 404
    assert "deploy-2" not in [event["id"] for event in receiver.events(key)]
    with transaction(receiver.store) as session:
        line = read_audit(session)[0]
    assert (line.actor, line.action, line.subject) == ("all", "event.deleted", "deploy-2")
    assert line.detail["event"] == body("deploy", id="deploy-2", environment="Staging", service=None)
    assert receiver.post(key, body("deploy", id="deploy-2")).json()["status"] == "created"


def test_a_key_that_may_not_delete(receiver: Receiver) -> None:
    """Neither sending nor reading is enough to delete."""
    key = receiver.key("ci", "send", "read")
    receiver.post(key, body("deploy"))
    assert receiver.delete(key, "deploy-1").status_code == 403
    assert len(receiver.events(key)) == 1


@pytest.mark.parametrize("name", ["a/b", "a?b=c", "a%2Fb", "a#b", ".."])
def test_ids_of_every_form_can_be_deleted(receiver: Receiver, name: str) -> None:
    """An id of any form can be deleted by its percent-encoded address."""
    key = receiver.key("ci", "send", "delete")
    receiver.post(key, body("deploy", id=name))
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    prepared = requests.Request("DELETE", receiver.url, headers={"webhook-key": key}).prepare()
    prepared.url = f"{receiver.url}/api/events/{encoded}"  # as it is: requests would resolve the dots
    with requests.Session() as session:
        answer = session.send(prepared, timeout=10)
    assert (answer.status_code, answer.json()["id"]) == (200, name)


def test_a_cursor_stays_good_when_the_newest_event_is_deleted(receiver: Receiver) -> None:
    """A number that a reader holds as cursor is never given to another event."""
    key = receiver.key("all", "send", "read", "delete")
    receiver.post(key, [body("deploy", id="a"), body("deploy", id="b")])
    receiver.delete(key, "b")
    receiver.post(key, body("deploy", id="c"))
    assert [event["id"] for event in receiver.events(key, after="2")] == ["c"]


def test_a_large_store_is_listed_in_little_memory(tmp_path: Path) -> None:
    """A listing of a large store is streamed: the server grows by a fraction of what it sends."""
    with in_process(f"sqlite:{tmp_path / 'w.db'}") as (receiver, process):
        key = receiver.key("all", "send", "read")
        receiver.post(key, body("deploy", title="x" * 200))
        assert len(receiver.events(key)) == 1
        # Figures are derived now, of one event, and not during the listing.
        assert receiver.get(key, "/api/metrics").status_code == 200
        _multiply(tmp_path / "w.db", ROWS)
        before = _peak_kilobytes(process.pid)
        asked: dict[str, Any] = {"headers": {"webhook-key": key}, "stream": True, "timeout": 120}
        with requests.get(f"{receiver.url}/api/events?limit=1000000", **asked) as answer:
            raw = b"".join(answer.iter_content(1 << 20))
        grown = _peak_kilobytes(process.pid) - before
    listed = json.loads(raw)
    assert (len(listed["events"]), listed["next"]) == (ROWS, None)
    assert len(raw) > 16 << 20
    assert grown < 8 << 10, f"{grown} KiB for an answer of {len(raw) >> 10} KiB"


def _multiply(store: Path, rows: int) -> None:
    """Copy the one event of the store until there are *rows*: the list is what is tested here.

    The copies count as derived. Otherwise the server would derive them during the listing, and grow by that.
    """
    columns = "kind, time, time_given, repo, environment, service, received_at, key_id, digest, body"
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
            f" INSERT INTO events (id, {columns}) SELECT 'copy-' || printf('%07d', i), {columns}"
            " FROM n, (SELECT * FROM events LIMIT 1)"
        )
        connection.execute("UPDATE figures_read SET seq = (SELECT max(seq) FROM events)")


def _peak_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])


def test_the_front_page_says_where_things_are(receiver: Receiver) -> None:
    """Without a key the address answers with the service's name and its reference."""
    front = requests.get(receiver.url + "/", timeout=30)
    assert (front.status_code, front.json()["info"]["title"]) == (200, "GitDailies DORA server")
    assert "/webhooks" in front.json()["paths"]
