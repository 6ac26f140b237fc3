"""Incidents that were counted for a wrong repository are moved, over HTTP and by page, and moved back."""

import html
import re
from collections import Counter
from typing import Any

import pytest
import requests
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.sql.database import transaction

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor, joined
from tests.support.figures.asking import deploy, ended, started

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

WRONG, RIGHT = "larkspur/shop-saerch", "larkspur/shop-search"
ASKED = {"from": "2026-03-01", "to": "2026-04-01", "by": "repo"}
SEARCH = {"repo": WRONG, "service": "search-frontend"}


@pytest.fixture
def key(receiver: Receiver) -> str:
    """Two deploys; and incidents of a wrong repository: an ended one, an open one, one of another service."""
    key = receiver.key("lead", "send", "read", "delete", "correct")
    history = [
        deploy("d1", "04T08:00:00", repo=RIGHT),
        deploy("d2", "05T08:00:00", repo=RIGHT),
        started("s1", "04T09:10:00", incident="Q1", **SEARCH),
        ended("e1", "04T09:40:00", incident="Q1", **SEARCH),
        started("s2", "05T09:10:00", incident="Q2", **SEARCH),
        started("s3", "05T09:10:00", incident="Q3", repo=WRONG, service="other"),
    ]
    assert receiver.post(key, history).status_code == 202
    return key


def move(receiver: Receiver, key: str, **body: Any) -> requests.Response:
    given = {"repo": WRONG, "to": RIGHT, "service": "search-frontend", "reason": "a typo", **body}
    return receiver.post(key, given, "/api/incidents/move")


def counted(receiver: Receiver, key: str) -> dict[str, dict[str, int]]:
    """Return for each repository its events, its failed deploys and its unlinked incidents."""
    events = Counter(event["repo"] for event in receiver.events(key) if event["kind"] != "deployed")
    found = {}
    for group in receiver.get(key, "/api/metrics/series", **ASKED).json()["groups"]:
        rate = group["total"]["changeFailRate"]
        name = group["by"]["repo"]
        found[name] = {"events": events[name], **{one: rate[one] for one in ("failed", "unlinked")}}
    return found


BEFORE = {
    RIGHT: {"events": 0, "failed": 0, "unlinked": 0},
    WRONG: {"events": 4, "failed": 0, "unlinked": 3},
}
AFTER = {
    RIGHT: {"events": 3, "failed": 2, "unlinked": 0},
    WRONG: {"events": 1, "failed": 0, "unlinked": 1},
}


def test_incidents_are_moved_counted_once_and_moved_back(receiver: Receiver, key: str) -> None:
    """Open and ended incidents of a service are counted if asked, move with their ids, and move back."""
    assert counted(receiver, key) == BEFORE
    numbers = {"to": RIGHT, "incidents": 2, "open": 1, "events": 3}
    assert move(receiver, key, dryRun=True).json() == {"status": "counted", **numbers}
    assert counted(receiver, key) == BEFORE
    assert move(receiver, key, to="shop-search").json() == {"status": "moved", **numbers}
    assert counted(receiver, key) == AFTER
    assert [one["id"] for one in receiver.events(key, repo=RIGHT)] == ["d1", "d2", "s1", "e1", "s2"]
    assert move(receiver, key).status_code == 404, "nothing is left to move"
    assert move(receiver, key, undo=True).json() == {"status": "undone", **numbers}
    assert counted(receiver, key) == BEFORE
    again = move(receiver, key, undo=True)
    assert (again.status_code, "nothing is left to undo" in again.json()["detail"]) == (404, True)
    with transaction(receiver.store) as session:
        lines = [(line.action, line.actor, line.subject) for line in read_audit(session)]
    assert lines[:2] == [("incidents.moved-back", "lead", WRONG), ("incidents.moved", "lead", WRONG)]


def test_what_arrives_later_follows(receiver: Receiver, key: str) -> None:
    """The end of an incident that was moved while open ends it there; a repeat changes nothing."""
    start = started("s2", "05T09:10:00", incident="Q2", **SEARCH)
    move(receiver, key)
    assert receiver.post(key, ended("e2", "05T10:10:00", incident="Q2", **SEARCH)).status_code == 202
    assert receiver.post(key, start).json()["status"] == "unchanged"
    found = receiver.get(key, "/api/incidents/s2").json()
    assert (found["state"], found["related"]["resolution"]["id"]) == ("resolved", "e2")
    assert receiver.post(key, ended("e3", "05T10:10:00", incident="Q3", **SEARCH)).status_code == 202
    assert receiver.events(key, repo=WRONG)[-1]["id"] == "e3", "another incident does not follow"
    assert move(receiver, key, undo=True).json()["events"] == 4, "what followed goes back, too"
    assert receiver.get(key, "/api/incidents/s2").json()["state"] == "resolved"
    assert counted(receiver, key)[RIGHT] == BEFORE[RIGHT]


def test_a_second_move_keeps_the_first_name(receiver: Receiver, key: str) -> None:
    """A move to a second wrong name is undone to the repository that the events came with."""
    assert move(receiver, key, to="larkspur/attic", new=True).json()["events"] == 3
    assert move(receiver, key, repo="larkspur/attic").json()["events"] == 3
    assert counted(receiver, key) == AFTER
    assert move(receiver, key, undo=True).json()["events"] == 3
    assert counted(receiver, key) == BEFORE
    move(receiver, key)
    assert move(receiver, key, repo=RIGHT, to=WRONG, new=True).json()["events"] == 3
    assert move(receiver, key, undo=True).status_code == 404, "it was moved back by hand"
    assert counted(receiver, key) == BEFORE


def test_a_moved_event_that_is_deleted_comes_back_as_it_is_sent(receiver: Receiver, key: str) -> None:
    """A deleted event takes its correction along, so that the same id may be sent for another repository."""
    move(receiver, key)
    for id_ in ("s1", "e1"):
        assert receiver.delete(key, id_).status_code == 200
    receiver.post(key, started("s1", "04T09:10:00", incident="Q1", **SEARCH))
    assert receiver.events(key, repo=WRONG)[-1]["id"] == "s1"


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a new repository": ({"to": "larkspur/shop-serch"}, 400, "no deploys; did you mean larkspur/shop-search"),
    "no repository": ({"to": "shop"}, 400, "to: expected"),
    "no reason": ({"reason": " "}, 400, "reason: expected"),
    "nothing there": ({"repo": "larkspur/attic"}, 404, "repo: no incident of"),
    "another incident": ({"incident": "Q9"}, 404, "repo: no incident of"),
}


def test_a_wrong_move_is_refused(receiver: Receiver, key: str) -> None:
    """A move that is not possible names what is wrong, and changes nothing; it needs a key that corrects."""
    for name, (body, status, fault) in REFUSED.items():
        answer = move(receiver, key, **body)
        assert (name, answer.status_code) == (name, status)
        assert fault in answer.json()["detail"]
    other = receiver.key("other", "send", "read", "delete")
    assert move(receiver, other).status_code == 403
    assert counted(receiver, key) == BEFORE


PAGES = ("/dora", "/events", "/review")


def test_a_short_name_is_enough_and_an_unknown_one_is_named(
    receiver: Receiver, owner: Visitor, key: str
) -> None:
    """A unique short name leads to the whole one; one that fits nothing is named with the nearest."""
    assert receiver.get(key).status_code == 200  # the events are there
    for page in PAGES:
        short = owner.get(f"{page}?repo=Shop-Search")
        assert short.url == f"{receiver.url}{page}?repo=larkspur%2Fshop-search"
        assert "no event has" not in short.text
        shown = owner.get(f"{page}?repo=larkspur/shop-serch").text
        assert "no event has &#39;larkspur/shop-serch&#39;; did you mean" in shown, page
        assert "othing to decide" not in shown
    shown = owner.get("/events?environment=prodution&service=search").text
    assert "environment: no event has" in shown
    assert "service: no event has &#39;search&#39;; did you mean search-frontend" in shown


def undo_of(page: str) -> dict[str, str]:
    """Return the fields of the form that undoes a move."""
    form = page.partition("Undo the move")[0]
    return dict(re.findall(r'name="(repo|incident|undo)" value="([^"]*)"', form))


def test_the_page_moves_and_moves_back(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The overview leads to the page, which asks before a new name, moves, says so, and undoes it."""
    overview = owner.get("/dora?from=2026-03-01&to=2026-04-01").text
    text = f"{WRONG} has incidents and no deploys; did you mean {RIGHT}"
    assert text in overview
    (link,) = re.findall(r'<a href="([^"]*)">Move its incidents</a>', overview)
    page = owner.get(link).text
    assert "2 open, 1 ended" in page
    assert re.findall(r'id="(to|reason)"[^>]* value="([^"]*)"', page) == [
        ("to", RIGHT),
        ("reason", f"{WRONG} is the wrong name"),
    ]
    assert "search-frontend (2)" in page
    given = {"form": link, "repo": WRONG, "service": "search-frontend", "reason": "a typo"}
    asked = owner.post("/events/move", to="larkspur/shop-serch", **given)
    assert asked.status_code == 400
    assert "larkspur/shop-serch has no deploys; did you mean larkspur/shop-search;" in asked.text
    shown = owner.submit("/events/move", to="Shop-Search", **given)
    assert "2 incidents of larkspur/shop-saerch count for" in shown
    assert counted(receiver, key) == AFTER
    incident = owner.get("/incidents/s1").text
    assert f"Kim moved it here from {WRONG}. Reason: a typo" in incident
    (undo,) = re.findall(r'href="([^"]*)">Undo the move…<', incident)
    assert receiver.get(key, "/api/incidents/s1").json()["moved"]["repo"] == WRONG
    assert "It belongs to another repository…" in owner.get("/incidents/s3").text
    assert "Move incidents of" in owner.get(f"/events?repo={WRONG}").text
    third = {**given, "service": "other", "reason": "another move"}
    owner.post("/events/move", to=RIGHT, **third)
    page = owner.get(html.unescape(undo)).text
    assert "2 incidents of larkspur/shop-saerch count for" in page, "those of the same move"
    page = owner.submit("/events/move", form=link, **undo_of(page))
    assert counted(receiver, key)[WRONG]["events"] == 3, "the other move stays"
    assert "The move is undone." in page
    owner.post("/events/move", form=link, **undo_of(page))
    assert counted(receiver, key) == BEFORE
    assert owner.get("/settings/audit").text.count("moved back the incidents of") == 2


def test_a_reader_is_led_to_nothing_that_is_refused(receiver: Receiver, owner: Visitor, key: str) -> None:
    """From the first page on, no link answers 403, and no form but their own account's is shown."""
    reader = joined(receiver, owner, "reader")
    overview = "/dora?from=2026-03-01&to=2026-04-01"
    text = reader.get(overview).text
    assert f"{WRONG} has incidents and no deploys; did you mean {RIGHT}" in text
    waiting, opened, forms = [overview, "/review?week=2026-W10"], set[str](), set[str]()
    while waiting:
        path = waiting.pop(0)
        if path.split("?")[0] + str(path.count("repo=")) in opened:
            continue
        opened.add(path.split("?")[0] + str(path.count("repo=")))
        answer = reader.get(path)
        assert answer.status_code < 400, path
        forms |= set(re.findall(r'<form method="post" action="([^"]+)"', answer.text))
        found = map(html.unescape, re.findall(r'href="(/[^"#]*)', answer.text))
        waiting += [href for href in found if not href.startswith(("/help", "/static", "/docs", "/api"))]
    assert {"/dora1", "/events1", "/settings0", "/settings/services0", "/deliveries0"} <= opened
    assert forms <= {"/sign-out", "/settings/tokens", "/settings/sessions", "/settings/password"}
    for path, who in (("/events/move", "members and owners"), ("/settings/people", "owners")):
        refused = reader.get(path)
        said = f"Only {who} may open this page. You are a reader."
        assert (refused.status_code, said in refused.text) == (403, True)
