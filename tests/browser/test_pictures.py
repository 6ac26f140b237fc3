"""The pictures of the documentation: each shows what the page around it says, of invented events.

To take them again:

    GITDAILIES_DOCS_PICTURES=docs/images .venv/bin/python -m pytest -q tests/browser/test_pictures.py
"""

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.values.times import text_of as text
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab, script
from tests.support.dora.running import Receiver
from tests.support.machine import command

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
WANTED = os.environ.get("GITDAILIES_DOCS_PICTURES")
LARGEST = 200_000
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
# How many days lie between two deploys, and which of them failed.
REPOS = {
    "larkspur/checkout-api": (2, {5, 19, 23, 33, 48, 53, 61, 66, 72, 80}),
    "larkspur/ledger": (4, {7, 30}),
    "larkspur/shop-web": (1, {12, 25, 40, 41, 66, 80, 93, 104, 112, 120, 133, 150, 158, 165}),
    "larkspur/search": (7, set()),
}


def half_a_year() -> Iterator[dict[str, Any]]:
    """Yield half a year of deploys with their commits, and the incidents after some of them."""
    for number, (repo, (gap, failed)) in enumerate(REPOS.items()):
        for count in range(180 // gap):
            at = NOW - timedelta(days=180 - count * gap, hours=3 + number, minutes=7 * count % 60)
            sha = hashlib.sha1(f"{repo} {count}".encode()).hexdigest()
            commit = {"sha": sha, "time": text(at - timedelta(hours=4 + count * 5 % 31))}
            place = {"repo": repo, "environment": "production"}
            deploy = {"kind": "deployed", "commitSHA": sha, "time": text(at), "commits": [commit]}
            yield {**place, **deploy, "id": f"{repo.partition('/')[2]}-{count}"}
            if count in failed:
                incident = {"incidentId": f"INC-{number}{count}", "source": "pagerduty", **place}
                # Some come long after a deploy: those are chance, as the card says.
                start = at + timedelta(minutes=19 if count % 5 else 17 * 60)
                title = "Checkout returns 502 for card payments"
                yield {**incident, "kind": "incidentStarted", "time": text(start), "title": title}
                over = text(start + timedelta(minutes=40 + count))
                yield {**incident, "kind": "incidentResolved", "time": over}


@pytest.fixture
def page(owner: Tab, receiver: Receiver) -> Page:
    """A page of the signed-in owner, in the size of the pictures."""
    assert receiver.post(receiver.key("all", "send", "read"), list(half_a_year())).status_code == 202
    owner.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    owner.page.set_viewport_size({"width": 1280, "height": 632})
    return owner.page


def take(page: Page, name: str) -> None:
    """Take the picture *name* if pictures are wanted. The committed one must be small and of this size."""
    if WANTED:
        Path(WANTED).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(WANTED) / f"{name}.png")
    data = (IMAGES / f"{name}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    size = [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)]
    assert page.viewport_size == {"width": size[0], "height": size[1]}
    assert len(data) <= LARGEST


def test_the_pictures_show_what_the_documentation_says(page: Page, receiver: Receiver) -> None:
    """The overview has cards and a table, the wall has them in large type, an incident has its timeline."""
    moment = f"now={text(NOW)}"
    page.set_viewport_size({"width": 1440, "height": 860})
    page.goto(f"{receiver.url}/dora?{moment}")
    expect(page.get_by_role("heading", name=re.compile(rf"Repositories \({len(REPOS)}\)"))).to_be_visible()
    # The form above it shows no figure.
    page.get_by_text("compared with the same length").evaluate(
        "line => scrollTo(0, line.getBoundingClientRect().top - 16)"
    )
    take(page, "overview")

    page.goto(f"{receiver.url}/dora?{moment}&view=wall")
    page.set_viewport_size({"width": 1920, "height": 1080})
    expect(page.locator("table.rows tbody tr")).to_have_count(len(REPOS))
    take(page, "wall")

    page.set_viewport_size({"width": 1200, "height": 1000})
    page.goto(f"{receiver.url}/events?kind=incidentStarted&repo=larkspur/checkout-api")
    page.locator("main table a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Checkout returns 502")
    expect(page.get_by_text("was attributed to").or_(page.get_by_text("attributed to")).first).to_be_visible()
    take(page, "incident")


def test_a_figure_has_a_reason_beside_it(page: Page, receiver: Receiver) -> None:
    """What `gitdailies why` prints of a deploy says what the card says of all of them."""
    asked = "checkout-api-61"
    env = {"READ_KEY": receiver.key("read", "read")}
    said = command("why", asked, "--url", receiver.url, "--key-env", "READ_KEY", cwd=ROOT, env=env).stdout
    assert "change fail rate: may have failed: incident INC-061 came within the window" in said

    page.goto(f"{receiver.url}/dora?now={text(NOW)}")
    page.set_viewport_size({"width": 1680, "height": 876})
    page.evaluate(script("beside"), f"$ gitdailies why {asked}\n{said}")
    card = page.locator("body > section")
    expect(card).to_contain_text(re.compile(r"about \d+ % failed, between \d+ and \d+ %"))
    expect(card).to_contain_text("had an incident within 24 h")
    take(page, "why")


def test_every_picture_is_shown_and_every_one_that_is_shown_exists() -> None:
    """No picture is left over, and each has words for those who do not see it."""
    shown = [
        (words, (page.parent / path).resolve())
        for page in (ROOT / "README.md", *IMAGES.parent.rglob("*.md"))
        for words, path in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8"))
    ]
    assert {path for _, path in shown} == set(IMAGES.iterdir())
    assert all(len(words.split()) >= 6 for words, _ in shown)
