"""Two teams, or two repositories, in one chart: their values, what differs, their lists, and the rows."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import DoraSettings, TeamSettings
from gitdailies_core.values.times import text_of as text_of_moment

from tests.component.dora.test_numbers_open import Lists, check, main_of, unopened
from tests.support.databases import PAGE_KINDS
from tests.support.dora.made_up_week import TEAMS, events_of, last_monday
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.dora.visitor import Visitor, cells_of, text_of
from tests.support.figures.asking import deploy

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

MONDAY = last_monday()
SINCE = f"{MONDAY - timedelta(days=40):%Y-%m-%d}"
BOTH = f"/dora?team=store&with=pay&from={SINCE}"


@pytest.fixture
def receiver(address: str) -> Iterator[Receiver]:
    with in_thread(at(address), teams=TEAMS) as running:
        key = running.key("all", "send", "read")
        assert running.post(key, [*events_of(MONDAY), *slow_deploys()]).status_code == 202
        yield running


def slow_deploys() -> Iterator[dict[str, Any]]:
    """Yield deploys of Payments whose commits waited for nine days, in weeks before the made-up ones."""
    for number in range(60):
        time = MONDAY - timedelta(days=30) + timedelta(hours=number)
        sha = f"{number + 1:040x}"
        commits = [{"sha": sha, "time": text_of_moment(time - timedelta(days=9))}]
        place = {"repo": "larkspur/pay", "environment": "production"}
        yield deploy(f"slow-{number}", time, sha, commits=commits, **place)


def card(page: str, name: str) -> str:
    return page.partition(f'<h2 id="{name}">')[2].partition("</section>")[0]


def values(page: str, name: str) -> list[str]:
    return list(map(text_of, re.findall(r'<dd class="value">(.*?)</dd>', card(page, name), re.DOTALL)))


def test_both_values_are_those_of_the_interface(receiver: Receiver, owner: Visitor) -> None:
    """Each card has the value of each team, as a question about that team alone has it."""
    page = main_of(owner.get(BOTH).text)
    key = receiver.key("reader", "read")
    for at_, team in enumerate(("store", "pay")):
        figures = receiver.get(key, "/api/metrics", team=team, **{"from": SINCE}).json()["figures"]
        deploys = figures["deploymentFrequency"]["deploys"]
        assert values(page, "deploymentFrequency")[at_].endswith(f", {deploys} deploys")
        commits = figures["changeLeadTime"]["commits"]
        assert values(page, "changeLeadTime")[at_].endswith(f", {commits} commits")
        settled = figures["changeFailRate"]["settled"]
        assert re.search(rf"\b{settled}\b", values(page, "changeFailRate")[at_])
    other = main_of(owner.get(f"/dora?team=pay&with=store&from={SINCE}").text)
    assert values(other, "changeLeadTime") == values(page, "changeLeadTime")[::-1]


def test_what_clearly_differs_is_said_once_above_and_at_its_card(owner: Visitor) -> None:
    """Commits of Payments wait for days, those of Storefront for hours; rework of both is alike."""
    page = main_of(owner.get(BOTH).text)
    said = "Payments: clearly longer than Storefront"
    assert f"What clearly differs: Change lead time ({said})." in text_of(page)
    assert said in text_of(card(page, "changeLeadTime"))
    assert "no clear difference" in text_of(card(page, "deploymentReworkRate"))
    alike = text_of(main_of(owner.get("/dora?repo=larkspur/shop&with=larkspur/cart&days=60").text))
    assert "No figure clearly differs." in alike


def test_a_chart_has_a_line_of_each(owner: Visitor) -> None:
    """All five charts have two groups, each with a line or dots; the label names both."""
    page = main_of(owner.get(BOTH).text)
    charts = re.findall(r'<svg class="chart" role="img" aria-label="([^"]*)".*?</svg>', page, re.DOTALL)
    assert len(charts) == 5
    assert all("of Storefront and Payments" in label for label in charts)
    assert page.count('<g class="one"><') == page.count('<g class="other"><') == 5 + 1 + 5
    assert re.search(r"<title>[^<]*: Storefront: \d+ deploys? in [^<]*\. Payments: \d+ deploys? in", page)


def test_what_the_charts_do_not_show_is_said(receiver: Receiver, owner: Visitor) -> None:
    """May have failed is a thin bar, events begin late, weeks are too few, and a setting changed."""
    page = main_of(owner.get("/dora?team=store&with=pay&days=60").text)
    first = "There are events of Payments only since"
    assert first in text_of(page)
    rate = card(page, "changeFailRate")
    assert "a thin bar goes down to what failed for certain" in rate
    assert 'class="spread"' in rate
    assert 'class="spread"' not in card(page, "changeLeadTime")
    assert "fewer than 6 whole weeks to compare" in card(page, "deploymentFrequency")
    assert "Recoveries by a remedy alone are not drawn." in card(page, "failedDeploymentRecoveryTime")
    receiver.reload(DoraSettings(window_hours=12, teams=(*TEAMS, TeamSettings("mail", "Mail", ("mail/*",)))))
    page = main_of(owner.get(BOTH).text)
    assert re.search(
        r"from what you saw before: [-\d]+ [:\d]+ the window [^,]*\. What changed", text_of(page)
    )
    assert 'class="mark"' in card(page, "changeLeadTime")


def test_its_numbers_open(owner: Visitor) -> None:
    """Each number of events leads to the list of its team, or of its repository."""
    lists = Lists(owner)
    for path in (BOTH, "/dora?repo=larkspur/pay&with=larkspur/ledger&days=60"):
        page = main_of(owner.get(path).text)
        assert check(page, lists), path
        assert unopened(page) == [], path


def test_what_cannot_be_compared_is_said(owner: Visitor) -> None:
    """A second team alone and one that is unknown are refused beside their field."""
    for query, said in (
        ("with=pay", "Choose a first team or repository, too."),
        ("team=pay&with=nobody", "Expected one of store, pay, base"),
    ):
        answer = owner.get(f"/dora?{query}")
        assert (answer.status_code, said in html.unescape(answer.text)) == (400, True), query
    twice = owner.get("/dora?team=pay&with=PAY")
    assert "This one is shown already. Choose another." in twice.text
    assert (twice.status_code, "<h1>Payments</h1>" in twice.text) == (200, True), "with its figures"
    unknown = owner.get("/dora?repo=larkspur/pay&with=larkspur/lodger")
    assert "did you mean larkspur/ledger" in unknown.text


def test_an_export_has_both(owner: Visitor) -> None:
    """The export of the page is a series by team, of these two."""
    link = re.search(r'href="(/dora/export[^"]*json[^"]*)"', owner.get(BOTH).text)[1]
    found = owner.get(html.unescape(link)).json()
    assert [group["by"] for group in found["groups"]] == [{"team": "store"}, {"team": "pay"}]


def test_rows_may_be_teams_or_in_one_order(owner: Visitor) -> None:
    """Teams alone, sorted as repositories are; and repositories of all teams, in one order."""
    teams = owner.get("/dora?rows=teams&sort=lead&days=60").text
    assert next(row[0] for row in cells_of(teams)) == "Payments (2)"
    assert {row[0] for row in cells_of(teams)} == {"Payments (2)", "Storefront (2)", "Platform (1)"}
    page = owner.get("/dora?days=60").text
    assert re.search(r'class="interval"[^>]* aria-label="1 to 2 of 5\d failed"', page), "a range has its line"
    flat = [row[0] for row in cells_of(owner.get("/dora?rows=repositories&sort=name&days=60").text)]
    assert flat == sorted(flat)
    assert len(flat) == 5
    assert "Sort within each team by" in owner.get("/dora?days=60").text
    assert owner.get("/dora?rows=people").status_code == 400
