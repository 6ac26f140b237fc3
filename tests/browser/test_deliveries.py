"""Deliveries as an owner walks them, in Chromium: from a service without a line to the counted incident."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gitdailies_dora.accounts.people_store import invite_owner
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab, every_look, join
from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.with_relay import pages_and_relay
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty, signed
from tests.support.relay.running import Relay

NAME = "Checkout API (prod)"


@dataclass
class Walk:
    """An owner's tab, the pages that it shows, and the relay that they ask."""

    tab: Tab
    receiver: Receiver
    relay: Relay

    @property
    def page(self) -> Page:
        return self.tab.page

    def open(self, path: str) -> None:
        self.page.goto(self.receiver.url + path)


@pytest.fixture
def kind() -> str:
    """Which database; a test may ask for another one."""
    return "sqlite"


@pytest.fixture
def walk(tmp_path: Path, tab: Tab, kind: str) -> Iterator[Walk]:
    with pages_and_relay(tmp_path, kind) as (relay, receiver):
        tab.page.goto(receiver.url + invite_owner(receiver.store))
        join(tab.page, "Kim Larkspur")
        tab.page.wait_for_url(re.compile(re.escape(receiver.url)))
        yield Walk(tab, receiver, relay)
        tab.page.goto("about:blank")


def until(page: Page, text: str) -> None:
    """Load the page again until it has a text: no script updates it."""
    for _ in range(60):
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(100)
        page.reload()
    expect(page.get_by_text(text).first).to_be_visible()


def test_from_an_unmapped_service_to_the_counted_incident(walk: Walk) -> None:
    """An owner finds what waits, saves the suggested line, and follows the delivery to its event."""
    pagerduty("incident.triggered", "Q1LARK7XW2M4CD", service=NAME).post(walk.relay.url)
    page = walk.page
    page.get_by_role("link", name="Deliveries", exact=True).click()
    expect(page.get_by_text(f"no line under services for '{NAME}'")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Map it")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Services")
    repository = page.get_by_label(re.compile(f"^Repository of {re.escape(NAME)}"))
    expect(repository).to_have_value("larkspur/checkout-api")
    page.get_by_role("button", name=f"Save the line of {NAME}").click()
    expect(page.get_by_role("status")).to_contain_text(
        f"{NAME} counts for larkspur/checkout-api. Replayed 1 delivery. This gave 1 event."
    )
    page.get_by_role("link", name="Its deliveries").click()
    until(page, "the receiver took 1 event")
    page.get_by_role("link", name="incident.triggered").click()
    expect(
        page.get_by_text(re.compile(r"by the line p-checkout.* of services, which said lark"))
    ).to_be_visible()
    expect(page.get_by_text(re.compile(r"line \d+ of gitdailies.yml"))).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^event \d+$")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Checkout returns 502")
    page.get_by_role("link", name="find its delivery").click()
    expect(page.get_by_role("link", name="incident.triggered")).to_be_visible()
    assert (
        f'"P-{NAME}": {{repo: larkspur/checkout-api}}  # {NAME}'
        in (walk.relay.store.parent / "gitdailies.yml").read_text()
    )


def of_repositories(walk: Walk, key: str) -> dict[str, tuple[int, int, int]]:
    """Return for each repository its incidents by their starts, how many have an end, and failed deploys."""
    found = {}
    asked = {"from": "2026-03-01", "to": "2026-04-01"}
    for repo in (MISSPELT, "larkspur/shop-search"):
        kinds = Counter(event["kind"] for event in walk.receiver.events(key, repo=repo))
        figures = walk.receiver.get(key, "/api/metrics", repo=repo, **asked).json()["figures"]
        failed = figures["changeFailRate"]["failed"]
        found[repo] = (kinds["incidentStarted"], kinds["incidentResolved"], failed)
    return found


MISSPELT = "larkspur/shop-saerch"


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_of_a_misspelt_repository_is_put_right_in_three_clicks(walk: Walk) -> None:
    """Edit, Save, Move: each incident counts once, for the right one, and goes back by a click."""
    page, relay = walk.page, walk.relay
    key = walk.receiver.key("reader", "send", "read")
    shipped = [
        {
            **body("deploy"),
            "id": f"d{number}",
            "repo": "larkspur/shop-search",
            "time": f"2026-03-0{number}T09:00:00Z",
            "commitSHA": str(number) * 40,
        }
        for number in (3, 4)
    ]
    assert walk.receiver.post(key, shipped).status_code == 202
    for incident in ("Q1", "Q2"):
        pagerduty("incident.triggered", incident, service="search-frontend").post(relay.url)
    pagerduty("incident.resolved", "Q1", service="search-frontend", at=ENDED_AT).post(relay.url)
    walk.open("/settings/services")
    page.get_by_label(re.compile("^Repository of search-frontend")).fill(MISSPELT)
    page.get_by_role("button", name=re.compile("^Save the line of search-frontend")).click()
    expect(page.get_by_role("alert")).to_have_text(
        f"{MISSPELT} has no deploys; did you mean larkspur/shop-search."
    )
    page.get_by_role("button", name=re.compile("^It is a new repository")).click()
    page.get_by_role("link", name="Its deliveries").click()
    until(page, "the receiver took 1 event")
    eventually(lambda: of_repositories(walk, key)[MISSPELT] == (2, 1, 0))
    walk.open("/dora")
    expect(page.get_by_text(f"{MISSPELT} has incidents and no deploys")).to_be_visible()

    walk.open("/settings/services")
    page.get_by_text("Edit the line of P-search-frontend").click()
    page.get_by_label("Repository of P-search-frontend").fill("shop-search")
    page.get_by_role("button", name="Save the line of P-search-frontend").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.get_by_role("button", name="Move them to larkspur/shop-search").click()
    expect(page.get_by_role("status")).to_contain_text("2 incidents of larkspur/shop-saerch count for")
    moved = {MISSPELT: (0, 0, 0), "larkspur/shop-search": (2, 1, 1)}
    assert of_repositories(walk, key) == moved

    pagerduty("incident.resolved", "Q2", service="search-frontend", at=ENDED_AT).post(relay.url)
    eventually(lambda: of_repositories(walk, key)["larkspur/shop-search"] == (2, 2, 1))
    pagerduty("incident.triggered", "Q3", service="search-frontend").post(relay.url)
    eventually(lambda: of_repositories(walk, key)["larkspur/shop-search"] == (3, 2, 1))
    page.get_by_role("button", name=re.compile("^Undo the move")).click()
    expect(page.get_by_text("2 ended")).to_be_visible()
    assert of_repositories(walk, key) == {MISSPELT: (2, 2, 0), "larkspur/shop-search": (1, 0, 1)}


def test_from_a_wrong_request_to_its_reason(walk: Walk) -> None:
    """A wrong proof at the relay and a wrong event here are two links away, each with what to do."""
    signed(b"{}", text="wrong").post(walk.relay.url)
    key = walk.receiver.key("checkout-api on GitHub")
    walk.receiver.post(key, {**body("deploy"), "repo": "zzz"})
    page = walk.page
    page.get_by_role("link", name="Deliveries", exact=True).click()
    page.get_by_role("link", name="Refused requests", exact=True).first.click()
    until(page, "expected a signature by a secret of this source")
    expect(page.get_by_text("Compare the secret at the tool")).to_be_visible()
    expect(page.get_by_text(re.compile("repo: expected"))).to_be_visible()
    page.get_by_role("link", name="checkout-api on GitHub").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Key “checkout-api on GitHub”")


def test_a_dead_end_is_discarded_with_its_reason(walk: Walk) -> None:
    """What cannot be read is opened, read, and discarded with a reason that the page shows from then on."""
    signed(b'{"event": null}').post(walk.relay.url)
    page = walk.page
    walk.open("/deliveries?outcome=quarantined")
    page.get_by_role("link", name="unreadable delivery").click()
    page.get_by_role("link", name="Discard…").click()
    page.get_by_label("Reason").fill("a test of the vendor")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status")).to_have_text("Discarded 1 delivery.")
    expect(page.get_by_text("Discarded by Kim Larkspur")).to_be_visible()


@pytest.fixture
def busy(walk: Walk) -> Walk:
    """A relay that received something of every kind, with long texts."""
    for number in range(6):
        pagerduty("incident.triggered", f"Q1LARK7XW2M4C{number}").post(walk.relay.url)
        pagerduty("incident.acknowledged", f"Q1LARK7XW2M4C{number}").post(walk.relay.url)
    for name in (NAME, "Ledger: settlement and reconciliation of every payment provider", "屋根裏"):
        pagerduty("incident.triggered", f"Q2{len(name)}", service=name).post(walk.relay.url)
    pagerduty("incident.triggered", "Q3", source="filtered", urgency="low").post(walk.relay.url)
    signed(json.dumps({"event": {"id": "x" * 60}}).encode()).post(walk.relay.url)
    signed(b"{}", text="wrong").post(walk.relay.url)
    walk.receiver.post(walk.receiver.key("ci"), {**body("deploy"), "repo": "zzz"})
    walk.receiver.post("gdk_unknown", body("deploy"))
    return walk


@every_look
def test_every_page_is_accessible_and_fits(busy: Walk) -> None:
    """No page of deliveries has a fault that axe finds, or a part outside of its frame, in any look."""
    page, tab = busy.page, busy.tab
    busy.open("/deliveries")
    until(page, "the receiver took 1 event")
    tab.looks["wide"] = ("light", 1920)
    tab.look("deliveries")
    del tab.looks["wide"]
    page.set_viewport_size({"width": 390, "height": 900})
    sources = page.locator(".states tbody tr")
    assert not any(source.is_visible() for source in sources.all()), "the list is not on the first screen"
    page.locator(".states summary").click()
    for source in sources.filter(has=page.get_by_role("button")).all():
        tops = {box["y"] for one in source.locator("a, button").all() if (box := one.bounding_box())}
        assert len(tops) == 1, "the buttons of a source are not in one row"
    page.get_by_role("link", name="incident.triggered").last.click()
    tab.look("delivery")
    for name, path in (
        ("deliveries-unmapped", "/deliveries?outcome=unmapped"),
        ("deliveries-act", "/deliveries/actions?action=discard&outcome=unmapped"),
        ("deliveries-pause", "/deliveries/pauses?action=pause"),
        ("refused", "/deliveries/refused"),
        ("services", "/settings/services"),
        ("move", "/events/move?repo=larkspur/checkout-api"),
    ):
        busy.open(path)
        for edit in page.get_by_text(re.compile("^Edit")).all():
            edit.click()
        tab.look(name)
    busy.open("/deliveries?outcome=quarantined")
    page.get_by_role("link", name=re.compile("unreadable|x")).last.click()
    tab.look("delivery-quarantined")
    page.get_by_role("link", name="Discard…").click()
    tab.look("delivery-act")
