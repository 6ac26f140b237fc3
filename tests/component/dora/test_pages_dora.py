"""The DORA page on both databases: it shows the numbers of the interface, to every role at any time."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gitdailies_core.values.times import text_of
from gitdailies_dora.events.records import change_log

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.dora.visitor import text_of as words_of
from tests.support.figures.asking import deploy, worked

on_each = pytest.mark.parametrize("kind", PAGE_KINDS)
PERIOD = "from=2026-03-01&to=2026-04-06&now=2026-04-05T12:00:00Z"
BESIDE = {
    "deploymentFrequency": {"Deploys": "deploys"},
    "changeLeadTime": {
        "Commits": "commits",
        "Unknown deploys": "unknownDeploys",
        "Unknown commits": "unknownCommits",
    },
    "changeFailRate": {
        "Settled": "settled",
        "Too new to tell": "pending",
        "Recent failures": "failedPending",
        "Unlinked incidents": "unlinked",
    },
    "failedDeploymentRecoveryTime": {
        "Recovered": "recovered",
        "Failed, still open": "open",
        "Recovery unknown": "withoutIncident",
    },
    "deploymentReworkRate": {"Rework": "rework", "Deploys": "deploys"},
}


def counts_by_figure(page: str) -> dict[str, dict[str, str]]:
    """Return the counts that are shown with each figure, by the figure's name."""
    cards = re.findall(r'<h2 id="(\w+)">(.*?)</section>', page, re.DOTALL)
    count = r"<dt>(.*?)</dt><dd>(?:<a [^>]*>)?(.*?)(?:<span.*?</span></a>)?</dd>"
    return {name: dict(re.findall(count, card)) for name, card in cards}


@on_each
@pytest.mark.parametrize(
    "where",
    ["repo=larkspur/shop", "repo=larkspur/ledger", "repo=larkspur/shop&environment=staging", "service=api"],
)
def test_the_numbers_are_those_of_the_interface(
    kind: str, receiver: Receiver, owner: Visitor, where: str
) -> None:
    """For every filter the page and `GET /api/metrics` have the same counts, for a past moment too."""
    key = receiver.key("all", "send", "read")
    assert receiver.post(key, worked()).status_code == 202
    for query in (f"{where}&{PERIOD}", f"{where}&from=2026-03-01"):
        asked = dict(pair.split("=") for pair in query.split("&") if pair)
        figures = receiver.get(key, "/api/metrics", **asked).json()["figures"]
        shown = counts_by_figure(owner.get(f"/dora?{query}").text)
        for figure, labels in BESIDE.items():
            expected = {label: str(figures[figure][number]) for label, number in labels.items()}
            assert {label: shown[figure][label] for label in labels} == expected, figure


def test_the_page_of_a_repository_is_headed_by_its_name(receiver: Receiver, owner: Visitor) -> None:
    """The heading and the title of the page name the repository, as it was written; its tables name weeks."""
    events = [ago(5, "a", repo="larkspur/Shop"), ago(5, "b", repo="larkspur/ledger")]
    assert receiver.post(receiver.key("ci"), events).status_code == 202
    page = owner.get("/dora?repo=larkspur/shop").text
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["larkspur/Shop"]
    assert re.findall(r"<title>(.*?) ·", page) == ["larkspur/Shop"]
    assert page.count('<tr><th scope="col">Week of</th>') == 5
    assert re.findall(r"<h1>(.*?)</h1>", owner.get("/dora?days=x").text) == ["DORA metrics"]


@on_each
def test_a_repository_with_several_services_says_that_all_commits_count(
    kind: str, receiver: Receiver, owner: Visitor
) -> None:
    """The card of the lead time, and the reason, say that a list tells no service, until one tells it."""
    key = receiver.key("all", "deployed", "read")

    def commit(letter: str, hours: int, **more: bool) -> dict[str, Any]:
        time = datetime.now(UTC) - timedelta(hours=hours)
        return {"sha": letter * 40, "time": time.isoformat(), **more}

    listed = [commit("c", 31), commit("b", 41), commit("a", 51)]
    note = "the latest list does not say which are of its service"
    first = [ago(50, "a", service="web", commits=listed[2:]), ago(40, "b", service="web", commits=listed[1:])]
    for events, noted in (
        (first, False),
        ([ago(45, "a", service="api")], True),
        ([ago(30, "c", service="web", commits=[{**one, "outside": False} for one in listed])], False),
        ([ago(20, "d", service="web", commits=[commit("d", 21), *listed])], True),
        # Nothing is new in it, and it tells whose its commits are.
        ([ago(10, "e", service="web", commits=[commit("e", 11, outside=True)])], False),
    ):
        assert receiver.post(key, events).status_code == 202
        for place in ("repo=larkspur/shop", "repo=larkspur/shop&service=WEB", "repo=larkspur/shop&days=2"):
            assert (note in owner.get(f"/dora?{place}").text) == noted, place
    assert note not in owner.get("/dora?repo=larkspur/shop&service=api").text
    why = receiver.get(key, "/api/metrics/why", repo="larkspur/shop").json()["events"]
    about = [one for event in why for one in event["verdicts"] if one["word"] == "all-services"]
    assert [one["advice"] for one in about] == 2 * ["set the inputs `service` and `paths` of the CI step"]
    assert receiver.post(key, [ago(5, "f", id="bare")]).status_code == 202
    (bare,) = receiver.get(key, "/api/metrics/why", id="bare").json()["events"]
    assert "it is the first deploy here that names no service" in bare["verdicts"][1]["reason"]


def test_open_incidents_are_those_of_their_list(receiver: Receiver, owner: Visitor) -> None:
    """The number of open incidents is that of the list behind it, and apart from the deploys that failed."""
    events = [
        ago(50, "a"),
        ago(49, incident="ONE", severity="SEV-1"),
        ago(49, incident="TWO"),
        ago(2000, incident="OLD"),
        ago(49, incident="ELSEWHERE", environment="staging"),
        ago(49, incident="OTHER", repo="larkspur/ledger"),
    ]
    assert receiver.post(receiver.key("ci"), events).status_code == 202
    page = owner.get("/dora?repo=larkspur/shop&days=7").text
    shown = counts_by_figure(page)["failedDeploymentRecoveryTime"]
    assert shown["Failed, still open"] == "1"
    assert shown["Open incidents"] == "3"
    (link,) = re.findall(r'<dd><a href="(/events[^"]*)">3<', page)
    listed = owner.get(html.unescape(link)).text
    assert sorted(set(re.findall(r'<a href="/incidents/[^"]*">(\w+)<', listed))) == ["OLD", "ONE", "TWO"]
    moment = text_of(datetime.now(UTC) - timedelta(hours=1000))
    then = owner.get(f"/dora?repo=larkspur/shop&days=100&now={moment}").text
    assert "outcome=open" not in then
    overview = owner.get("/dora?days=100").text, owner.get(f"/dora?days=100&now={moment}").text
    assert ["outcome=open" in text for text in overview] == [True, False]
    assert counts_by_figure(then)["failedDeploymentRecoveryTime"]["Open incidents"] == "1"


def test_what_is_still_counted_is_no_nothing(
    receiver: Receiver, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While events are counted, cards and empty places say so, and none says that there are no deploys."""
    hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1e6)
    monkeypatch.setattr(change_log, "behind_since", lambda *_: hour_ago)
    key = receiver.key("ci")
    for repos in (("larkspur/shop",), ("larkspur/shop", "larkspur/ledger")):
        sent = [ago(5000, "a", repo=repo, environment="qa") for repo in repos]
        assert receiver.post(key, sent).status_code == 202
        for view in ("", "&view=wall"):
            page = owner.get(f"/dora?days=7{view}").text
            assert "No deploys" not in page
            assert page.count("still counting</span></p>") == (5 if len(repos) == 2 else 0)
            said = "Still counting: no deploys" if len(repos) == 2 or view else ">Still counting</h2>"
            assert page.count(said) == 1
    assert receiver.post(key, ago(5, "b")).status_code == 202
    of_one = owner.get("/dora?days=7&repo=larkspur/shop&view=wall").text
    assert of_one.count('<p class="line">still counting</p>') + of_one.count(">still counting</span>") == 5
    assert ">no settled deploy<" not in of_one


def headlines(page: str) -> dict[str, list[str]]:
    """Return the numbers at the top of each card with what they are of, by the figure's name."""
    cards = re.findall(r'<h2 id="(\w+)">.*?</h2>(.*?)<dl', page, re.DOTALL)
    line = r'<p class="(?:value|line)">(.*?)</p>'
    return {name: [words_of(one, "") for one in re.findall(line, top)] for name, top in cards}


def test_the_first_days_of_a_user_are_not_misleading(receiver: Receiver, owner: Visitor) -> None:
    """Three deploys since yesterday, one of them failed: days count since then, and nothing is judged yet."""
    key = receiver.key("ci")
    assert receiver.post(key, [ago(30, "a"), ago(20, "b"), ago(6, "c")]).status_code == 202
    assert receiver.post(key, ago(5, incident="INC")).status_code == 202
    page = owner.get("/dora?days=7").text
    shown = headlines(page)
    new = "1 too new to tell, 1 failed or may have failed in the last 24 h"
    assert shown["changeFailRate"] == ["0 of 1 failed", new]
    assert "Based on a single settled deploy." in page
    assert re.match(r"[12]\.?\d* a day", shown["deploymentFrequency"][0])
    assert "There are events only since" in page
    assert "compared with the same length of time before it, from" in page
    assert "the definitions 2026-2." in page
    empty = headlines(owner.get("/dora?days=7&service=none&from=2026-03-01&to=2026-03-02").text)
    assert empty == {}


def test_a_rate_has_its_numbers_beside_it(receiver: Receiver, owner: Visitor) -> None:
    """The rate says how many of how many; recovery by incidents and by rollback are different sentences."""
    assert receiver.post(receiver.key("ci"), worked()).status_code == 202
    page = owner.get(f"/dora?{PERIOD}&repo=larkspur/shop").text
    shown, counts = headlines(page), counts_by_figure(page)
    assert counts["failedDeploymentRecoveryTime"]["Timed by the remedy, without an incident"] == "1"
    (rate,) = shown["changeFailRate"]
    of_all = "about 42 % failed, between 21 and 46 % 24 deploys: 4 failed for certain (1 rolled"
    assert rate.startswith(of_all)
    assert shown["deploymentReworkRate"] == ["7 of 24 rework, 29 %"]
    by = [line.split(" by ")[1] for line in shown["failedDeploymentRecoveryTime"]]
    assert by == ["incidents", "the remedy, without an incident"]


def test_markdown_keeps_a_recovery_by_a_remedy_apart(receiver: Receiver) -> None:
    """Where no incident tells a recovery, the column names the deploy that a later one remedied."""
    key = receiver.key("ci", "send", "read")
    deploys = [deploy("bad", "10T09:00:00"), deploy("good", "10T16:00:00", type="rollback")]
    assert receiver.post(key, deploys).status_code == 202
    question = {"by": "repo,service", "from": "2026-03-09", "to": "2026-03-16", "format": "md"}
    markdown = receiver.get(key, "/api/metrics/series", **question).text
    assert "| 7\u00a0h, one remedied deploy |" in markdown


def test_other_environments_are_always_named(receiver: Receiver, owner: Visitor) -> None:
    """By the filter stands which other environments have deploys, also while production has some."""
    key = receiver.key("ci")
    events = [ago(5, "a"), ago(5, "b", environment="prod-eu"), ago(4, "c", environment="prod-eu")]
    assert receiver.post(key, [*events, ago(3, "d", environment="staging")]).status_code == 202
    named = {"": ["prod-eu (2)", "staging (1)"], "?environment=staging": ["prod-eu (2)", "production (1)"]}
    for query, others in named.items():
        (seen,) = re.findall(r'<p class="seen">(.*?)</p>', owner.get(f"/dora{query}").text, re.DOTALL)
        assert re.findall(r">([^<>]+\(\d+\))<", seen) == others
        assert query or "not counted here" in seen


def ago(hours: float, sha: str = "", incident: str = "", **fields: Any) -> dict[str, Any]:
    """A deploy of a commit, or the start of an incident, some hours ago."""
    time = text_of(datetime.now(UTC) - timedelta(hours=hours))
    where = {"repo": "larkspur/shop", "time": time, **fields}
    if incident:
        return {"kind": "incidentStarted", "incidentId": incident, **where}
    return {"kind": "deployed", "commitSHA": sha * 40, **where}


UP_TO_NOW, AFTER_FROM = (f'" role="alert">Expected a time {what}' for what in ("up to now", "after from"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=2999-03-01", f"from-error{UP_TO_NOW}"),
        ("from=2999-03-01&to=2999-03-02", f"from-error{UP_TO_NOW}"),
        ("now=2999-03-01", "now: expected a time up to 20"),
        ("from=2025-01-01&now=2020-01-01", f"from-error{UP_TO_NOW}, 2020-01-01T00:00:00Z"),
        ("from=2026-03-02&to=2026-03-01", f"through-error{AFTER_FROM}, 2026-03-02T00:00:00Z"),
    ],
)
def test_an_impossible_period_is_reported(
    receiver: Receiver, owner: Visitor, query: str, message: str
) -> None:
    """If a period ends before it begins, or begins after now, the page says which end is wrong."""
    assert receiver.post(receiver.key("ci"), worked()).status_code == 202
    answer = owner.get(f"/dora?{query}")
    assert answer.status_code == 400
    assert message in answer.text
