"""The DORA page in Chromium: filters in the address, numbers under charts, events behind marks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Tab, become_owner, every_look, script, serving, sign_in
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.figures.asking import deploy, worked

SHOP = "/dora?repo=larkspur/shop&from=2026-03-01&to=2026-04-06&now=2026-04-05T12:00:00Z"
# Each card, and a column of its table that adds up to a number of its figure.
CARDS = {
    "Deployment frequency": ("Deploys", "deploymentFrequency", "deploys"),
    "Change lead time": ("Commits", "changeLeadTime", "commits"),
    "Failed deployment recovery time": ("Recovered", "failedDeploymentRecoveryTime", "recovered"),
    "Deployment rework rate": ("Rework", "deploymentReworkRate", "rework"),
    "Change fail rate": ("Settled", "changeFailRate", "settled"),
}
TITLES = list(CARDS)
PLACES = """parts => parts.map(part => {
  const box = part.getBoundingClientRect(), card = part.closest("section").getBoundingClientRect();
  return [part.getAttribute("class"), box.height, box.bottom, card.bottom];
})"""


@pytest.fixture(scope="module")
def receiver(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """The worked history, which the tests of this module read. Those that add events take `alone`."""
    with serving(tmp_path_factory.mktemp("dora")) as running:
        assert running.post(running.key("all", "send", "read"), worked()).status_code == 202
        yield running


@pytest.fixture
def shop(tab: Tab, cookies: list[Any]) -> Tab:
    """A visitor of the worked history who is signed in."""
    tab.page.context.add_cookies(cookies)
    return tab


@pytest.fixture
def alone(tab: Tab, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver of this test alone, whose owner the tab is."""
    with serving(tmp_path) as running:
        become_owner(tab.page, running)
        yield running
        tab.page.goto("about:blank")


def metrics_of(receiver: Receiver, address: str) -> dict[str, Any]:
    query = {name: texts[0] for name, texts in parse_qs(urlsplit(address).query).items()}
    return receiver.get(receiver.key(f"reader {uuid4()}", "read"), "/api/metrics", **query).json()


def card(page: Page, title: str) -> Any:
    return page.locator("section.figure", has=page.get_by_role("heading", name=title, exact=True))


def column(page: Page, title: str, heading: str) -> list[str]:
    """Open the table under a chart, and read a column of it."""
    place = card(page, title)
    if not place.locator("table").is_visible():
        place.locator("summary", has_text="Numbers by").click()
    at = place.locator("thead th").all_inner_texts().index(heading)
    return place.locator(f"tbody tr > :nth-child({at + 1})").all_inner_texts()


def test_each_chart_has_a_table_that_adds_up(shop: Tab, receiver: Receiver) -> None:
    """One click opens the table of a chart. The sum of a column equals the count of the figure."""
    page = shop.page
    page.goto(receiver.url + SHOP)
    expect(page.locator("svg.chart")).to_have_count(5)
    figures = metrics_of(receiver, SHOP)["figures"]
    for title, (heading, figure, number) in CARDS.items():
        assert sum(map(int, column(page, title, heading))) == figures[figure][number] > 0
    assert "–" in column(page, "Deployment rework rate", "Rate"), "a ratio of nothing is no 0"


def test_filters_are_in_the_address(shop: Tab, receiver: Receiver) -> None:
    """The form's filters are in the address. Opening that address shows the same page, after sign-in too."""
    page = shop.page
    page.goto(f"{receiver.url}/dora?now=2026-04-05T12:00:00Z")
    page.get_by_label("Repository").fill("LARKSPUR/Shop")
    page.get_by_label("Environment").fill("staging")
    page.get_by_label("From").fill("2026-03-01")
    page.get_by_role("button", name="Show").click()
    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["repo"], asked["environment"]) == (["LARKSPUR/Shop"], ["staging"])
    deploys = metrics_of(receiver, page.url)["figures"]["deploymentFrequency"]["deploys"]
    assert deploys > 0
    expect(card(page, "Deployment frequency").locator("dd").first).to_have_text(str(deploys))

    shared = page.url
    page.context.clear_cookies()
    page.goto(shared)
    sign_in(page, "Kim Larkspur")
    assert page.url == shared
    expect(page.get_by_label("Repository")).to_have_value("LARKSPUR/Shop")
    page.get_by_role("link", name="365 days").click()
    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["days"], asked["repo"], "from" in asked) == (["365"], ["LARKSPUR/Shop"], False)
    expect(page.get_by_role("link", name="365 days")).to_have_attribute("aria-current", "true")


def test_events_are_behind_the_marks(shop: Tab, receiver: Receiver) -> None:
    """A mark leads to its event, which says why it counts; a bar and a row to a part of the period."""
    page = shop.page
    page.goto(receiver.url + SHOP)
    answer = metrics_of(receiver, SHOP)["figures"]
    failed = page.locator("g.failed a")
    bars = page.locator("g.failed a", has=page.locator("rect"))
    assert 0 < failed.count() <= answer["changeFailRate"]["failed"]
    page.locator("g.failed a", has=page.locator("circle")).first.click()
    expect(page.get_by_role("heading", name="What it counts for")).to_be_visible()
    expect(page.locator("dl.facts").nth(1)).to_contain_text("Counts: ")
    page.go_back()
    if bars.count():
        label = bars.first.get_attribute("aria-label")
        bars.first.click()
        expect(card(page, "Change fail rate").locator("dd").first).to_have_text(label.split()[0])
        page.go_back()
    row = page.locator("table.events tbody tr").first
    expect(row).to_be_visible()
    row.locator("a").click()
    expect(page.get_by_role("heading", name="What it counts for")).to_be_visible()
    page.go_back()
    counts = column(page, "Deployment frequency", "Deploys")
    links = card(page, "Deployment frequency").locator("tbody a")
    at = next(at for at, number in enumerate(counts) if int(number) > 1)
    links.nth(at).click()
    expect(card(page, "Deployment frequency").locator("dd").first).to_have_text(counts[at])


def test_a_chart_is_one_tab_stop(shop: Tab, receiver: Receiver) -> None:
    """Arrow keys, Home, End and Escape read the buckets of a chart, as the pointer does."""
    page = shop.page
    page.goto(receiver.url + SHOP)
    place = card(page, "Change lead time")
    plot, read = place.locator(".plot"), place.locator("output")
    assert plot.evaluate("plot => plot.querySelectorAll('a, button, [tabindex]').length") == 0
    plot.focus()
    titles = place.locator(".field title").evaluate_all("all => all.map(title => title.textContent)")
    for key, at in {"Home": 0, "ArrowRight": 1, "End": -1, "ArrowLeft": -2}.items():
        page.keyboard.press(key)
        expect(read).to_have_text(titles[at])
    page.keyboard.press("Escape")
    expect(read).to_have_text("")
    page.keyboard.press("Tab")
    expect(place.locator("summary", has_text="Numbers by")).to_be_focused()
    place.locator(".field").first.hover()
    expect(read).to_have_text(titles[0])


def test_the_timeline_is_one_tab_stop(shop: Tab, receiver: Receiver) -> None:
    """Arrow keys, Home and End go from event to event, and Enter opens one."""
    page = shop.page
    page.goto(receiver.url + SHOP)
    events = page.locator("svg.timeline a")
    assert events.count() > 3
    page.get_by_role("link", name="Skip to the list").focus()
    for key, at in {"Tab": 0, "ArrowRight": 1, "End": -1, "ArrowLeft": -2}.items():
        page.keyboard.press(key)
        expect(events.nth(at)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#listed summary")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(events.nth(-2)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != receiver.url + SHOP)


@pytest.mark.parametrize("days", [30, 90, 365])
def test_every_number_of_a_chart_is_in_its_table(shop: Tab, receiver: Receiver, days: int) -> None:
    """The parts, the spread and the rolling value that a chart tells of a bucket are in its table."""
    page = shop.page
    page.goto(f"{receiver.url}/dora?repo=larkspur/shop&days={days}&now=2026-04-05T12:00:00Z")
    told = parts = 0
    for title in TITLES[1:]:
        place = card(page, title)
        titles = place.locator(".field title").evaluate_all("all => all.map(title => title.textContent)")
        rows = place.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => Array.from(row.querySelectorAll('td')).map(cell => cell.textContent))"
        )
        assert len(titles) == len(rows)
        for text, cells in zip(titles, rows, strict=True):
            if title == "Change fail rate":
                failed, _, certain, may_have = cells[:4]
                said = [f"{certain} for certain", f"{may_have} may have"]
                said = [one for one in said if not one.startswith("0 ")]
                written = f": {failed.partition(' (')[0]} failed" + (f": {', '.join(said)}" if said else "")
                assert text.endswith((written, ": no settled deploy", ": before the first event"))
                parts += bool(said)
                continue
            _, rolling, spread = cells[:3]
            assert (spread in text) or spread == "–" or "before the first event" in text or ": no " in text
            assert text.endswith(rolling) == (";" in text)
            told += ";" in text
    assert told > 0


@pytest.mark.parametrize(
    "since", ["2026-03-30", "2026-03-01", "2026-01-05", "2025-04-06", "2023-04-06", "1990-01-01"]
)
def test_no_label_is_written_over_another(shop: Tab, receiver: Receiver, since: str) -> None:
    """Labels of the charts never overlap, for long periods and narrow screens too."""
    page = shop.page
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(receiver.url + SHOP.replace("2026-03-01", since))
        expect(page.locator("g.ticks text:visible").first).to_be_visible()
        assert page.evaluate(script("overlaps")) == [], width


@every_look
def test_an_empty_page_tells_what_to_do(tab: Tab, alone: Receiver) -> None:
    """Without an event the page has lines to paste; with events elsewhere it has links to them."""
    page = tab.page
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("DORA metrics")
    expect(page.locator("#sample")).to_contain_text(f"curl -sS {alone.url}/webhooks")
    tab.look("dora-empty")
    alone.post(alone.key("ci"), body("deploy", environment="staging"))
    page.get_by_role("link", name="reload this page").click()
    expect(page.get_by_role("heading", name="No deploys or incidents in this period")).to_be_visible()
    tab.look("dora-elsewhere")
    page.get_by_role("link", name="environment staging").click()
    page.get_by_role("link", name="since the first event").click()
    expect(card(page, "Deployment frequency").locator("dd").first).to_have_text("1: deploys")


@every_look
def test_every_history_looks_right_to_axe(shop: Tab, receiver: Receiver) -> None:
    """Ten events, the worked history and a wrong address have no fault in any look; no page is too wide."""
    page = shop.page
    page.goto(receiver.url + SHOP)
    shop.look("dora-worked")
    for summary in page.locator("summary", has_text="Numbers by").all():
        if summary.is_visible():
            summary.click()
    shop.look("dora-worked-open")
    page.goto(f"{receiver.url}/dora?repo=larkspur/shop&days=7&now=2026-03-30T12:00:00Z")
    shop.look("dora-young")
    page.goto(f"{receiver.url}/dora?now=2026-04-05T12:00:00Z")
    expect(page.get_by_role("heading", name="Repositories (2)")).to_be_visible()
    shop.look("overview")
    page.goto(page.url + ("&" if "?" in page.url else "?") + "view=wall")
    shop.look("wall")
    page.goto(f"{receiver.url}/dora?days=x")
    shop.look("dora-wrong")


def test_a_wall_shows_all_of_its_rows_and_columns(tab: Tab, alone: Receiver) -> None:
    """With twenty repositories, a page of the wall view fits on a laptop too, and no column is cut off."""
    sent = [
        {**worked_deploy, "id": f"{at}-{worked_deploy['id']}", "repo": f"larkspur/repository-{at}"}
        for at in range(20)
        for worked_deploy in worked()
        if worked_deploy["kind"] == "deployed"
    ]
    key = alone.key("all")
    for first in range(0, len(sent), 100):
        assert alone.post(key, sent[first : first + 100]).status_code == 202
    page = tab.page
    page.goto(f"{alone.url}/dora?view=wall&now=2026-04-05T12:00:00Z")
    expect(page.locator("table.rows tbody tr").nth(7)).to_be_visible()
    for width, height in ((1920, 1080), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        assert tab.outside() == [], width
        assert page.evaluate("document.documentElement.scrollHeight") <= height
    page.set_viewport_size({"width": 1280, "height": 720})
    cards = page.locator(".five .panel").all()
    assert len({box["y"] for one in cards if (box := one.bounding_box())}) == 1


def test_a_wall_of_one_repository_fits(shop: Tab, receiver: Receiver) -> None:
    """Every card of one repository is on the screen, with its chart, on a laptop's and on a large one."""
    page = shop.page
    page.goto(f"{receiver.url}{SHOP}&view=wall")
    expect(page.locator(".wall .chart")).to_have_count(5)
    for width, height in ((1440, 900), (1920, 1080), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        parts = page.locator(".wall :is(.panel, .chart, .panel p:not(.caption))").evaluate_all(PLACES)
        assert len(parts) >= 15
        for kind, high, bottom, bottom_of_card in parts:
            assert high > (60 if "chart" in kind else 10)
            assert bottom <= bottom_of_card + 1 <= height + 1


def test_an_open_page_renews_its_figures_and_nothing_else(tab: Tab, alone: Receiver) -> None:
    """New events are counted while the page is open; focus, scroll and an open table stay as they are.

    A page that is hidden asks nothing. One that has not changed is answered 304, and nothing is touched.
    """
    page, answers = tab.page, []
    assert alone.post(alone.key("all"), worked()).status_code == 202
    page.clock.install()
    page.goto(alone.url + SHOP.replace("shop", "ledger"))
    page.on("response", lambda one: answers.append(one.status) if "/dora" in one.url else None)
    place = card(page, TITLES[0])
    place.locator("summary", has_text="Numbers by").click()
    row = place.locator("tbody a").first
    row.focus()
    page.evaluate("scrollTo(0, 120)")
    page.evaluate("document.querySelector('.figure .value').dataset.touched = 'no'")

    def wait(expected: list[int]) -> None:
        page.clock.run_for(30_000)
        for _ in range(100):
            if len(answers) >= len(expected):
                break
            page.wait_for_timeout(50)
        assert answers == expected

    wait([200])
    page.evaluate("document.querySelector('.figure .value').dataset.touched = 'no'")
    wait([200, 304])
    expect(page.locator("[data-touched]")).to_have_count(1)
    before = place.locator(".value").first.inner_text()
    where = {"repo": "larkspur/ledger", "environment": "production"}
    sent = [deploy(f"new-{at}", datetime(2026, 4, 2, 10 + at, tzinfo=UTC), **where) for at in range(9)]
    assert alone.post(alone.key("more"), sent).status_code == 202
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.clock.run_for(60_000)
    assert answers == [200, 304]
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    wait([200, 304, 200])
    expect(place.locator(".value").first).not_to_have_text(before)
    assert place.locator("details").get_attribute("open") is not None
    assert row.evaluate("link => document.activeElement === link")
    assert page.evaluate("scrollY") == 120
    place.locator(".plot").focus()
    page.keyboard.press("End")
    expect(place.locator("output")).not_to_be_empty()
    tab.faults += [f"console: {status}" for status in answers if status >= 400]
