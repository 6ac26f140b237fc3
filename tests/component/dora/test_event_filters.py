"""Events of a team, and events with an outcome: over HTTP, and on the page Events."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import DoraSettings, TeamSettings
from gitdailies_dora.derived.model import rows

from tests.component.dora.test_corrections import put
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.shapes import shaped
from tests.support.dora.visitor import Visitor, owner_of
from tests.support.figures.asking import deploy, ended, started

TEAMS = (
    TeamSettings("pay", "Payments", ("larkspur/ledger",), (("larkspur/shop", "API*"),)),
    TeamSettings("shop", "Shop", ("larkspur/shop",)),
)
LEDGER = "Larkspur/Ledger"
HISTORY = [
    deploy("bad", "04T08:00:00", service="api-2"),
    started("fails", "04T08:10:00", "I-1", service="Api-2", environment="prod"),
    ended("over", "04T09:00:00", "I-1"),
    deploy("good", "04T10:00:00", service="web", sha="c" * 40),
    deploy("again", "04T10:05:00", service="web", sha="c" * 40),
    deploy("ledger", "05T10:00:00", repo=LEDGER),
    started("drill", "05T11:00:00", "I-2", repo=LEDGER, environment="prod"),
    started("alone", "08T11:00:00", "I-3", repo=LEDGER, environment="production"),
    started("staged", "08T12:00:00", "I-4", repo=LEDGER, environment="staging"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, str, Visitor]]:
    """A server with a history of two teams, a key that may do everything, and an owner."""
    folder: Path = tmp_path_factory.mktemp("filters")
    with in_thread(folder / "w.db", teams=TEAMS) as receiver:
        key = receiver.key("lead", "send", "read", "correct")
        assert receiver.post(key, HISTORY).status_code == 202
        assert put(receiver, key, "/api/incidents/drill/dismissal", reason="a drill").status_code == 200
        yield receiver, key, owner_of(receiver)


def listed(receiver: Receiver, key: str, **asked: str) -> list[str]:
    answer = receiver.get(key, **asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert ("asOf" in found) == ("outcome" in asked)
    return [event["id"] for event in found["events"]]


def shown(owner: Visitor, path: str) -> list[str]:
    """Return the ids of the events on a page, the first one that happened first."""
    page = owner.get(path)
    assert page.status_code == 200
    return re.findall(r'</span> <a href="/(?:deploys/|incidents/|events/id\?id=)([^"]*)">', page.text)[::-1]


ASKED: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"team": "PAY"}, ["bad", "fails", "ledger", "drill", "alone", "staged"]),
    ({"team": "shop"}, ["over", "good", "again"]),
    ({"team": "none"}, []),
    ({"team": "pay", "repo": "larkspur/shop"}, ["bad", "fails"]),
    ({"outcome": "failed"}, ["bad"]),
    ({"outcome": "may-have-failed"}, ["bad"]),
    ({"outcome": "failed-for-certain"}, []),
    ({"outcome": "counted", "environment": "prod"}, ["bad", "good", "ledger"]),
    ({"outcome": "not-failed", "kind": "deployed"}, ["good", "ledger"]),
    ({"outcome": "repeat"}, ["again"]),
    ({"outcome": "corrected"}, ["drill"]),
    ({"outcome": "corrected", "kind": "deployed"}, []),
    ({"outcome": "attributed"}, ["fails"]),
    ({"outcome": "unlinked"}, ["alone", "staged"]),
    ({"outcome": "not-an-incident"}, ["drill"]),
    ({"outcome": "open"}, ["alone", "staged"]),
    ({"outcome": "open", "environment": "prod"}, ["alone"]),
    ({"outcome": "attributed", "environment": "production"}, ["fails"]),
    ({"outcome": "open", "team": "shop"}, []),
)


def test_the_list_and_the_page_have_the_same_filters(served: tuple[Receiver, str, Visitor]) -> None:
    """A team and an outcome choose the same events over HTTP and on the page, in pages of any length."""
    receiver, key, owner = served
    for asked, ids in ASKED:
        assert (asked, listed(receiver, key, **asked, order="happened")) == (asked, ids)
        query = "&".join(f"{name}={text}" for name, text in asked.items())
        assert (asked, shown(owner, f"/events?{query}")) == (asked, ids)
    first = shaped("EventList", receiver.get(key, outcome="open", limit="1").json())
    rest = receiver.get(key, outcome="open", limit="1", after=str(first["next"])).json()
    assert [event["id"] for event in (*first["events"], *rest["events"])] == ["alone", "staged"]
    assert rest["next"] is None


def test_the_result_says_what_the_filter_asks(served: tuple[Receiver, str, Visitor]) -> None:
    """In a list of open incidents, each result says that it is open, and what it is linked to."""
    _, _, owner = served
    results = {"open": "open, unlinked", "unlinked": "open, unlinked", "failed": "may have failed"}
    for outcome, result in results.items():
        page = owner.get(f"/events?outcome={outcome}").text
        found = re.findall(r'<td class="result">(?:<span[^>]*>)?([^<]*)', page)
        assert (outcome, set(found)) == (outcome, {result})


FAILED = "outcome: expected one of failed, failed-for-certain, "
WRONG = (
    ({"team": "pays"}, "team: expected one of pay, shop, none, got 'pays'"),
    ({"outcome": "fialed"}, FAILED),
    ({"outcome": "open", "kind": "deployed"}, FAILED),
    ({"outcome": "open", "kind": "incidentResolved"}, "outcome: events of the kind incidentResolved have"),
)


def test_a_wrong_filter_is_refused(served: tuple[Receiver, str, Visitor]) -> None:
    """An unknown team or outcome is refused with those that exist, and so is an outcome of another kind."""
    receiver, key, owner = served
    for asked, detail in WRONG:
        answer = receiver.get(key, **asked)
        assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (400, detail)
    page = owner.get("/events?team=pays")
    assert (page.status_code, "Expected one of pay, shop, none" in page.text) == (400, True)
    for path in ("/api/metrics", "/api/metrics/why"):
        answer = receiver.get(key, path, team="pays")
        assert (answer.status_code, answer.json()["detail"][:31]) == (400, "team: expected one of pay, shop")


def test_figures_of_a_team(served: tuple[Receiver, str, Visitor]) -> None:
    """Figures of a team are those of its services and repositories, and the answer names it."""
    receiver, key, _ = served
    period = {"from": "2026-03-01", "to": "2026-04-01"}
    found = receiver.get(key, "/api/metrics", team="PAY", **period).json()
    assert found["filter"]["team"] == "pay"
    assert found["figures"]["deploymentFrequency"]["deploys"] == 2
    assert found["figures"]["changeFailRate"]["failed"] == 1
    gauges = receiver.get(key, "/api/metrics/prometheus", team="pay", **period).text
    assert 'service="",team="pay"} 2.0' in gauges
    why = receiver.get(key, "/api/metrics/why", team="pay", **period).json()["events"]
    assert {event["id"]: event["verdicts"][0]["word"] for event in why}["good"] == "team"


def test_an_outcome_waits_for_the_rows(
    served: tuple[Receiver, str, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While everything is derived again, an outcome is answered 503, and the page says when to come back."""
    receiver, key, owner = served
    monkeypatch.setattr(rows, "outdated", lambda *_: True)
    answer = receiver.get(key, outcome="failed")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "computed again from all events" in answer.json()["detail"]
    page = owner.get("/events?outcome=failed").text
    assert "Reload in a minute" in page
    assert "No event matches" not in page
    assert listed(receiver, key, team="none") == []


def test_without_teams_there_is_nothing_to_choose(tmp_path: Path) -> None:
    """A server without teams says so, and its page has no choice of teams."""
    with in_thread(tmp_path / "w.db") as receiver:
        owner = owner_of(receiver)
        assert 'name="team"' not in owner.get("/events").text
        answer = receiver.get(receiver.key("reader", "read"), team="pay")
        assert answer.json()["detail"] == "team: gitdailies.yml has no teams, got 'pay'"
        receiver.reload(DoraSettings(teams=TEAMS))
        assert "Payments" in owner.get("/events").text
