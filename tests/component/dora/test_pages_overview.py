"""The overview on both databases: the numbers of the interface, by team, sorted, in pages, exported."""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.times import text_of as text_of_moment
from gitdailies_dora.figures.answers.numbers import ChangeFailRate
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words import rates
from msgspec import convert

from tests.support.databases import PAGE_KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, at, in_thread, settings_of
from tests.support.dora.visitor import Visitor, cells_of, owner_of, text_of
from tests.support.figures.asking import worked
from tests.support.processes import eventually

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

PERIOD = {"from": "2026-03-01", "to": "2026-04-06", "now": "2026-04-05T12:00:00Z"}
QUERY = "&".join(f"{name}={value}" for name, value in PERIOD.items())
TEAMS = (
    TeamSettings("pay", "Payments <b>", ("larkspur/led*", "many/*")),
    TeamSettings("both", "Both", ("larkspur/ledger",)),
)


@pytest.fixture
def receiver(address: str) -> Iterator[Receiver]:
    with in_thread(at(address), teams=TEAMS) as running:
        yield running


@pytest.fixture
def key(receiver: Receiver) -> str:
    key = receiver.key("all", "send", "read")
    assert receiver.post(key, worked()).status_code == 202
    return key


def rows(page: str) -> list[list[str]]:
    return cells_of(page.partition('<table class="rows stacked">')[2])


def test_rows_have_the_numbers_of_the_interface(receiver: Receiver, owner: Visitor, key: str) -> None:
    """Each row has the deploys, commits and failures that `GET /api/metrics` answers for its repository."""
    found = rows(owner.get(f"/dora?{QUERY}").text)
    assert [row[0] for row in found] == ["Both (1)", "larkspur/ledger", "No team (1)", "larkspur/shop"]
    for row in (found[1], found[3]):
        figures = receiver.get(key, "/api/metrics", repo=row[0], **PERIOD).json()["figures"]
        fail = figures["changeFailRate"]
        assert row[1].split()[-1] == str(figures["deploymentFrequency"]["deploys"])
        commits = figures["changeLeadTime"]["commits"]
        assert row[3].endswith(f" {commits} commits" if commits else "–")
        assert row[4].replace(" ,", ",") == rates.fail_rate(convert(fail, ChangeFailRate))
        assert row[7].startswith(f"{figures['deploymentReworkRate']['rework']} of ")
    both = receiver.get(key, "/api/metrics", **PERIOD).json()["figures"]
    page = owner.get(f"/dora?{QUERY}").text
    (card,) = re.findall(r'<h2 id="changeFailRate">.*?<p class="value">(.*?)</p>', page, re.DOTALL)
    fail = both["changeFailRate"]
    assert text_of(card).replace(" ,", ",") == rates.fail_rate(convert(fail, ChangeFailRate))


def test_an_export_is_the_answer_of_the_interface(receiver: Receiver, owner: Visitor, key: str) -> None:
    """CSV, JSON and Markdown of the page are those of the API for the same question."""
    links = re.findall(r'href="(/dora/export[^"]+)" download', owner.get(f"/dora?{QUERY}").text)
    assert len(links) == 3
    found: dict[str, Any] = {}
    for link in links:
        answer = owner.get(html.unescape(link))
        assert "attachment" in answer.headers["content-disposition"]
        found[link.partition("format=")[2]] = answer
    question = {**PERIOD, "by": "team,repo", "interval": "day", "compare": "before"}
    expected = receiver.get(key, "/api/metrics/series", **question).json()
    assert found["json"].json() == expected
    table = list(csv.DictReader(io.StringIO(found["csv"].text)))
    assert {row["repo"] for row in table} == {"larkspur/ledger", "larkspur/shop"}
    assert "| both | larkspur/ledger |" in found["md"].text
    assert found["md"].text.startswith("Figures of all repositories, production from ")
    of_team = owner.get(f"/dora/export?{QUERY}&team=both&format=md").text
    assert of_team.startswith("Figures of both, production from ")


def test_one_team_is_a_filter(owner: Visitor, key: str) -> None:
    """The page of a team has its repositories alone, in its cards too; names are escaped."""
    assert key
    page = owner.get(f"/dora?{QUERY}&team=BOTH").text
    assert [row[0] for row in rows(page)] == ["Both (1)", "larkspur/ledger"]
    none = owner.get(f"/dora?{QUERY}&team=pay").text
    assert "No deploys of this team in this period" in none
    assert "Payments &lt;b&gt;" in none
    wrong = owner.get("/dora?team=nobody")
    assert (wrong.status_code, "Expected one of " in wrong.text) == (400, True)


def test_the_row_of_a_team_counts_the_days_of_its_page(receiver: Receiver, owner: Visitor) -> None:
    """They begin with the first event of the team, also in a repository without deploys in the period."""
    key = receiver.key("all", "send", "read")
    times = {"many/old": "2026-02-20T12:00:00Z", "many/new": "2026-04-03T12:00:00Z"}
    deploys = [{**body("deploy"), "id": repo, "repo": repo, "time": time} for repo, time in times.items()]
    assert receiver.post(key, deploys).status_code == 202
    question = f"/dora?{QUERY.replace('03-01', '03-08')}&team=pay"
    page = eventually(lambda: text if "many/new" in (text := owner.get(question).text) else "")
    assert "Deployment frequency 1.05 in 30 days" in text_of(page)
    assert [row[1] for row in rows(page)] == ["1.05 in 30 days 1", "12 in 30 days 1"]


def test_what_is_not_counted_is_of_the_same_team(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The other environments of a team's page are those of its repositories alone."""
    staging = [{**one, "environment": "staging"} for one in many(3)]
    elsewhere = [{**one, "repo": "larkspur/shop", "environment": "staging"} for one in many(2)]
    assert receiver.post(key, [*staging, *elsewhere]).status_code == 202
    for team, number in (("", 5), ("&team=pay", 3), ("&team=none", 2), ("&team=both", 0)):
        seen = re.findall(r">staging \((\d+)\)<", owner.get(f"/dora?days=30{team}").text)
        assert [int(one) for one in seen] == [number] * (number > 0), team


def test_rows_have_every_incident_that_is_open_now(receiver: Receiver, owner: Visitor) -> None:
    """A repository that was not deployed in the period has a row without a rate if an incident is open."""
    long_ago = [
        body("incident-started", id=f"old-{repo}", incidentId="OLD", repo=repo, time="2026-04-01T12:00:00Z")
        for repo in ("many/repo-000", "larkspur/ledger")
    ]
    idle = body("deploy", repo="larkspur/shop", time="2026-04-01T12:00:00Z")
    assert receiver.post(receiver.key("ci"), [*many(2), *long_ago, idle]).status_code == 202
    for view in ("", "&view=wall"):
        page = owner.get(f"/dora?days=7{view}").text
        found = {row[0]: row[-1].split()[0] for row in rows(page)}
        assert "Its range" not in page, "no row has one"
        of_teams = [int(number) for name, number in found.items() if name.endswith(")") and number != "–"]
        (whole,) = re.findall(r"(\d+) incidents? open now<", page)
        assert (found["larkspur/ledger"], found["many/repo-000"]) == ("1", "1")
        assert (int(whole), sum(of_teams)) == (2, 2), found
        assert [row[1] for row in rows(page) if row[0] == "larkspur/ledger"] == ["none"]
        assert ("Neither deployed in this period nor with an open incident: 1" in page) is (not view)


def many(number: int) -> list[dict[str, str]]:
    """Deploys of many repositories an hour ago; the first has the most, all of the same hour."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [
        {
            "kind": "deployed",
            "repo": f"many/repo-{repo:03}",
            "commitSHA": f"{repo:020}{deploy:020}",
            "time": text_of_moment(now - timedelta(hours=60, minutes=deploy)),
        }
        for repo in range(number)
        for deploy in range(3 if repo == 7 else 1)
    ]


def test_rows_are_sorted_and_in_pages(receiver: Receiver, owner: Visitor) -> None:
    """Fifty rows a page, each repository once; that with the most deploys is first, or the first by name."""
    assert receiver.post(receiver.key("ci"), many(60)).status_code == 202
    page = owner.get("/dora").text
    first = [row[0] for row in rows(page)]
    assert (first[:2], len(first)) == (["Payments <b> (60)", "many/repo-007"], 51)
    (following,) = re.findall(r'href="([^"]+)">Next<', page)
    second = [row[0] for row in rows(owner.get(html.unescape(following)).text)]
    assert sorted([*first[1:], *second[1:]]) == [f"many/repo-{number:03}" for number in range(60)]
    by_name = [row[0] for row in rows(owner.get("/dora?sort=name").text)]
    assert by_name[1:4] == ["many/repo-000", "many/repo-001", "many/repo-002"]
    assert owner.get("/dora?sort=rank").status_code == 400
    assert len(page.encode()) < 120_000


def test_a_wall_turns_its_pages(receiver: Receiver, owner: Visitor) -> None:
    """A page of a wall names the next one, and the last names the first; `rotate` says when it turns."""
    assert receiver.post(receiver.key("ci"), many(25)).status_code == 202
    path, seen = "/dora?view=wall&rotate=20", []
    for _ in range(3):
        page = owner.get(path).text
        assert 'data-refresh="20"' in page
        seen.append(len(rows(page)))
        path = html.unescape(re.search(r'data-turned="([^"]*)"', page)[1])
    assert (seen, "page=1" in path) == ([10, 10, 8], True), "with a line for the team"
    assert owner.get("/dora?view=wall&rotate=1").status_code == 400
    assert "data-turned" not in owner.get("/dora?view=wall&repo=larkspur/led-1").text


def test_little_is_said_of_little(receiver: Receiver, owner: Visitor) -> None:
    """A young store has counts in place of percent, says since when days count, and compares nothing."""
    assert receiver.post(receiver.key("ci"), many(2)).status_code == 202
    page = owner.get("/dora").text
    assert "There are events only since" in page
    assert " of that day until now" in page
    since = r'<p class="line">(?:<a [^>]*>)?2 deploys(?:</a>)? since 20\d\d-\d\d-\d\d 00:00\u00a0UTC</p>'
    for view in ("", "?view=wall"):
        assert re.search(since, owner.get(f"/dora{view}").text), view
    assert re.findall(r'<p class="change">(.*?)</p>', page) == ["No earlier value to compare with"] * 5
    assert [row[4] for row in rows(page)[1:]] == ["0 of 1 failed", "0 of 1 failed"]


def test_less_than_a_day_gives_no_rate(receiver: Receiver, owner: Visitor) -> None:
    """Deploys of the first day are counted, on every page and in the interface, and have no rate."""
    key = receiver.key("all", "send", "read")
    now = text_of_moment(datetime.now(UTC))
    first = {"kind": "deployed", "repo": "larkspur/led-1", "commitSHA": "a" * 40, "time": now}
    assert receiver.post(key, first).status_code == 202
    one, one_wall = owner.get("/dora").text, owner.get("/dora?view=wall").text
    assert receiver.post(key, {**first, "repo": "larkspur/shop"}).status_code == 202
    whole, wall = owner.get("/dora").text, owner.get("/dora?view=wall").text
    assert {tuple(row[1].split()[:3]) for page in (whole, wall) for row in rows(page)[1:2]} == {
        ("1", "deploy", "since")
    }
    for page, number in ((one, "1 deploy"), (whole, "2 deploys"), (wall, "2 deploys")):
        assert re.search(rf'<p class="value">(?:<a [^>]*>)?{number}(?:</a>)? *<', page)
        assert not re.search(r"\d a day", page)
    assert "Rates cover the " in one
    day = now[:10]
    assert f'<span class="why">since {day} 00:00\u00a0UTC</span>' in one
    assert f'Events only since <span class="moment">{day}</span>, rates from ' in one_wall
    for page in (whole, wall):
        assert f'<p class="line">since {day} 00:00\u00a0UTC</p>' in page
    frequency = receiver.get(key, "/api/metrics").json()["figures"]["deploymentFrequency"]
    assert (frequency["deploys"], frequency["value"]) == (2, None)


def test_what_a_page_has_already_is_not_sent_again(receiver: Receiver, owner: Visitor, key: str) -> None:
    """A request that names the tag of the page gets 304, until a figure changes."""
    path = f"/dora?{QUERY}"
    first = owner.get(path)
    headers = {"accept": "text/html", "if-none-match": first.headers["etag"]}
    again = owner.get(path, headers=headers)
    assert (again.status_code, again.text) == (304, "")
    later = {"id": "later", "time": "2026-04-01T12:00:00Z", "repo": "larkspur/ledger"}
    assert receiver.post(key, body("deploy", **later)).status_code == 202
    changed = owner.get(path, headers=headers)
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)


def test_cards_have_a_drawing_that_says_its_numbers(receiver: Receiver, owner: Visitor, key: str) -> None:
    """Each of the five cards has one, also on a wall, whose table has fewer rows."""
    for view in ("", "&view=wall"):
        page = owner.get(f"/dora?{QUERY}{view}").text
        titles = re.findall(r'aria-label="([A-Z][^"]+) by [a-z]+: ', page)
        assert titles == [
            *("Deployment frequency", "Change lead time", "Failed deployment recovery time"),
            *("Deployment rework rate", "Change fail rate"),
        ]
    assert f'href="/dora?{QUERY}"' in html.unescape(page).replace("%3A", ":")


def test_names_of_teams_that_have_no_events_are_on_the_overview_and_in_the_log(receiver: Receiver) -> None:
    """Each is named with the nearest one that has events; patterns, and services of a repository, too."""
    key = receiver.key("all", "send", "read")
    assert receiver.post(key, worked()).status_code == 202
    receiver.get(key, "/api/metrics")
    misspelled = TeamSettings(
        "platform",
        "Platform",
        ("larkspur/ledgr", "larkspur/ledger", "no-one/*"),
        (("larkspur/shop", "Apy"), ("larkspur/shop", "*")),
    )
    receiver.reload(replace(settings_of(FigureSettings()), teams=(misspelled,)))
    expected = [
        "platform lists larkspur/ledgr, which has no events; did you mean larkspur/ledger",
        "platform lists no-one/*, which has no events",
        "platform lists Apy of larkspur/shop, a service without events; did you mean api",
    ]
    eventually(lambda: len(receiver.logged("a name in teams has no events")) == len(expected))
    assert [entry["reason"] for entry in receiver.logged("a name in teams has no events")] == expected
    page = html.unescape(owner_of(receiver).get(f"/?{QUERY}").text)
    assert all(f"<li>{text}</li>" in page for text in expected)


def test_a_repository_of_two_teams_says_what_is_in_each_row(receiver: Receiver, owner: Visitor) -> None:
    """A row of a shared repository names its services; changed teams are no news of repositories."""
    key = receiver.key("all", "send", "read")
    deploys = [
        {**body("deploy"), "id": service, "repo": "larkspur/shop", "service": service, "commitSHA": sha * 40}
        for service, sha in (("api", "1"), ("worker", "2"))
    ]
    other = {**body("deploy"), "id": "other", "repo": "larkspur/ledger", "commitSHA": "3" * 40}
    assert receiver.post(key, [*deploys, other]).status_code == 202
    money = TeamSettings("money", "Money", (), (("larkspur/shop", "worker"),))
    core = TeamSettings("core", "Core", ("larkspur/shop", "larkspur/ledger"))
    receiver.reload(replace(settings_of(FigureSettings()), teams=(money, core)))
    page = eventually(lambda: text if "Money" in (text := owner.get(f"/dora?{QUERY}").text) else "")
    assert [row[0] for row in rows(page) if "shop" in row[0]] == [
        "larkspur/shop only worker",
        "larkspur/shop shared by several teams",
    ]
    assert "1 row repeats a repository, since teams share repositories." in page
    assert "Settings were changed in gitdailies.yml" not in owner.get("/dora").text
    assert "Settings were changed in gitdailies.yml" in owner.get("/dora?team=money").text
    teams = (money, TeamSettings("core", "Core", (), (("larkspur/shop", "api"),)))
    receiver.reload(replace(settings_of(FigureSettings()), teams=teams))
    asked = f"/dora?{QUERY}&repo=larkspur/shop"
    assert eventually(lambda: "Of Core , Money ." in text_of(owner.get(asked).text))
    said = owner.get("/settings/figures").text
    assert "A change of teams changes the figures of a team, and no others." in said


def test_examples_are_not_proposed_for_production(receiver: Receiver, owner: Visitor) -> None:
    """The environment of examples is not named beside others that may be production, nor is its line."""
    key = receiver.key("all", "send", "read")
    example = {**body("deploy"), "id": "e", "repo": EXAMPLE.repo, "environment": EXAMPLE.environment}
    staging = {**example, "id": "s", "environment": "staging"}
    assert receiver.post(key, [*worked(), example, staging]).status_code == 202
    page = owner.get("/dora?days=3650").text
    assert ("staging (" in page, f"{EXAMPLE.environment} (" in page) == (True, False)
    for id_, proposed in (("s", True), ("e", False)):
        shown = owner.get(f"/events/id?id={id_}").text
        assert ("is production, add it to <code>dora.production</code>" in shown) == proposed
