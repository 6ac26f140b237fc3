"""The overview and the page of a repository at five widths and on paper: all is in sight and readable."""

from collections.abc import Iterator
from typing import Any

import pytest
from gitdailies_core.values.times import text_of as text
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PAPER, WIDTHS, Tab, script, serving
from tests.browser.test_pictures import NOW, half_a_year
from tests.support.dora.running import Receiver


@pytest.fixture(scope="module")
def receiver(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    long = "larkspur-platform/payments-reconciliation-service"
    deploy = {"kind": "deployed", "repo": long, "commitSHA": "f" * 40, "time": "2026-03-20T12:00:00Z"}
    with serving(tmp_path_factory.mktemp("layout")) as running:
        assert running.post(running.key("all", "send"), [*half_a_year(), deploy]).status_code == 202
        yield running


@pytest.fixture
def page(tab: Tab, cookies: list[Any]) -> Page:
    tab.page.context.add_cookies(cookies)
    tab.page.emulate_media(reduced_motion="reduce")
    return tab.page


@pytest.mark.parametrize("repo", ["", "&repo=larkspur/checkout-api"])
def test_letters_have_one_size_at_every_width(page: Page, receiver: Receiver, repo: str) -> None:
    """No text is under 12 px, and the letters of a chart are as large on a phone as on a large screen."""
    page.goto(f"{receiver.url}/dora?now={text(NOW)}{repo}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(script("sizes"))
        assert [one for one in found["written"] if one[0] < 12] == []
        assert [one for one in found.get("drawn", []) if not 11.95 <= one[0] <= 14.3] == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_ends_of_the_table_and_the_first_number_are_in_sight(page: Page, receiver: Receiver) -> None:
    """The name and what is open are seen at every width, and no filter pushes the first number away."""
    page.goto(f"{receiver.url}/dora?now={text(NOW)}")
    for width in WIDTHS[1:]:
        page.set_viewport_size({"width": width, "height": 900})
        for end in ("first", "last"):
            seen = page.locator(f".rows tbody tr > :{end}-child").evaluate_all(script("seen"))
            assert min(seen) > 0.99, (width, end)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        box = page.locator(".five .value").first.bounding_box()
        assert box is not None
        assert box["y"] < 700, width


def test_a_phone_has_a_few_lines_for_a_repository(page: Page, receiver: Receiver) -> None:
    """Its name is next to its open incidents, and its numbers are below in small letters."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{receiver.url}/dora?now={text(NOW)}")
    for row in page.locator(".rows tbody tr").all():
        box = row.bounding_box()
        assert box is not None
        assert box["height"] < 130
        cells = row.locator("td[data-label]:visible")
        labels = cells.evaluate_all("all => all.map(one => one.dataset.label)")
        assert labels == ["deploys", "lead time", "fail rate", "recovery", "rework", "open now"]


def test_paper_has_every_column_and_no_button(page: Page, receiver: Receiver) -> None:
    """Printed on A4, the table is whole, and what can only be clicked is left out."""
    page.goto(f"{receiver.url}/dora?now={text(NOW)}")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1040})
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    cells = page.locator(".rows :is(th, td):visible").evaluate_all(script("seen"))
    assert len(cells) >= 7 * 6
    assert min(cells) > 0.99
    assert page.locator("button:visible, nav:visible").count() == 0
    page.goto(f"{receiver.url}/dora?now={text(NOW)}&repo=larkspur/checkout-api")
    page.locator(".figure details").evaluate_all("all => all.forEach(one => one.open = true)")
    tables = page.locator(".figure .scroll")
    low = tables.evaluate_all("all => all.map(one => one.scrollHeight - one.clientHeight)")
    assert len(low) >= 5
    assert max(low) <= 1
