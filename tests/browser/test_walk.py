"""A walk through the pages: from the figures to a failed deploy, its incident, a correction, and back."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Tab, cookies_of_owner, every_look, serving
from tests.support.dora.made_up_week import TEAMS, events_of, last_monday
from tests.support.dora.running import Receiver
from tests.support.figures.asking import deploy, ended, started

SHOP = "/dora?repo=larkspur/shop&from=2026-03-01&to=2026-04-01&now=2026-04-05T12:00:00Z"
URLS = {
    "run": "https://github.com/larkspur/shop/actions/runs/8123",
    "vendor": "https://larkspur.pagerduty.com/incidents/Q1",
}


@pytest.fixture
def history(owner: Tab, receiver: Receiver) -> Tab:
    """A deploy with a commit, the incident that it caused, the rollback, and one incident of no deploy."""
    listed = [{"sha": "b" * 40, "time": "2026-03-01T08:00:00Z"}]
    before = [deploy(f"usual-{day}", f"{day}T09:00:00", commits=listed) for day in ("02", "09")]
    events = [
        deploy(
            "checkout-42",
            "10T09:59:21",
            "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
            environment="production",
            url=URLS["run"],
            commits=[{"sha": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214", "time": "2026-03-10T09:41:07Z"}],
        ),
        started("start-1", "10T10:41:59", "INC-1134", title="Checkout returns 502", url=URLS["vendor"]),
        deploy("back-1", "10T10:55:10", type="rollback"),
        ended("end-1", "10T11:01:53", "INC-1134"),
        started("start-2", "20T08:00:00", "INC-1200", title="The bank is down"),
    ]
    assert receiver.post(receiver.key("ci", "send", "read"), [*before, *events]).status_code == 202
    return owner


def rate(page: Page) -> str:
    return page.locator("section.figure", has_text="Change fail rate").locator(".value").first.inner_text()


def test_from_the_figures_to_a_correction_and_back(history: Tab, receiver: Receiver) -> None:
    """A failed deploy leads to its incident. Its cause is changed there, and the figures follow."""
    page = history.page
    page.goto(receiver.url + SHOP)
    assert rate(page).startswith("1 of 4")
    page.locator("g.failed a").first.click()
    expect(page.get_by_role("heading", name="Deploy 4f0c2d6b8e1a to production")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text("Failed: incident INC-1134")
    steps = page.locator("ol.story li")
    expect(steps).to_have_count(5)
    expect(steps.nth(1)).to_contain_text("18 min 14 s lead time of its newest commit")
    expect(steps.nth(2)).to_contain_text("42 min 38 s until it was noticed")
    expect(steps.nth(1).get_by_role("link", name="CI run")).to_have_attribute("href", URLS["run"])
    commit = "https://github.com/larkspur/shop/commit/4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
    expect(steps.nth(0).get_by_role("link")).to_have_attribute("href", commit)

    steps.nth(2).get_by_role("link", name="Incident started").click()
    assert page.url == f"{receiver.url}/incidents/start-1"
    expect(page.get_by_role("link", name="at the vendor")).to_have_attribute("href", URLS["vendor"])
    page.get_by_label("No deploy caused it").check()
    page.get_by_label("Reason").fill("the payment provider was down")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Kim Larkspur decided on")

    page.goto(receiver.url + SHOP)
    # The rollback still remedied the deploy.
    assert rate(page).startswith("1 of 4")
    page.goto(f"{receiver.url}/deploys/checkout-42")
    expect(page.locator(".lead")).to_contain_text("There is no incident to time the recovery by")
    page.get_by_text("Change the outcome").click()
    page.get_by_label("It did not fail").check()
    page.get_by_label("Reason").first.fill("the rollback was a mistake")
    page.get_by_role("button", name="Correct", exact=True).click()
    page.goto(receiver.url + SHOP)
    assert rate(page).startswith("0 of 4")

    for path in ("/deploys/checkout-42", "/incidents/start-1"):
        page.goto(receiver.url + path)
        page.get_by_role("button", name="Undo the correction").click()
        expect(page.locator(".notice", has_text="decided on")).to_have_count(0)
    expect(page.get_by_role("heading", name="Attributed to")).to_be_visible()
    page.get_by_role("link", name="deploy 4f0c2d6b8e1a").first.click()
    expect(page.locator(".lead")).to_contain_text("Failed: incident INC-1134")
    page.goto(receiver.url + SHOP)
    assert rate(page).startswith("1 of 4")


@every_look
def test_the_pages_of_an_event_look_right(history: Tab, receiver: Receiver) -> None:
    """Deploy, incident, review and list: nothing for axe, and no page wider than its window at any width."""
    tab, page = history, history.page
    looked_at = {
        "walk-deploy": "/deploys/checkout-42",
        "walk-incident": "/incidents/start-1",
        "walk-unlinked": "/incidents/start-2",
        "walk-review": "/review?week=2026-W11",
        "walk-review-empty": "/review?week=2026-W02",
        "walk-events": "/events",
    }
    for name, path in looked_at.items():
        page.goto(receiver.url + path)
        for summary in page.locator("details.correct summary").all():
            summary.click()
        tab.look(name)


@every_look
def test_the_comparison_of_two_teams_looks_right(browser: Browser, tab: Tab, tmp_path: Path) -> None:
    """Chosen in the form of the overview: nothing for axe, and on paper the values without the form."""
    page = tab.page
    with serving(tmp_path, teams=TEAMS) as running:
        assert running.post(running.key("all", "send"), events_of(last_monday())).status_code == 202
        page.context.add_cookies(cookies_of_owner(browser, running))
        page.goto(f"{running.url}/dora")
        page.get_by_label("Team", exact=True).select_option(label="Storefront")
        page.get_by_label("Compare with", exact=True).select_option(label="Payments")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Storefront and Payments")
        expect(page.locator("svg.chart[role=img]")).to_have_count(5)
        tab.look("walk-two-teams")
        page.emulate_media(media="print")
        expect(page.locator("form.filters")).to_be_hidden()
        expect(page.locator(".sides").first).to_be_visible()
        page.goto("about:blank")
