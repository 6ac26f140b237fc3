"""Deliveries as an owner walks them, in Chromium: from a service without a line to the counted incident."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab, become_owner, every_look
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.with_relay import pages_and_relay
from tests.support.relay.deliveries import pagerduty, signed
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
def walk(tmp_path: Path, tab: Tab) -> Iterator[Walk]:
    with pages_and_relay(tmp_path) as (relay, receiver):
        become_owner(tab.page, receiver)
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
        f"{NAME} counts for larkspur/checkout-api. Replayed 1 delivery. It gave 1 event."
    )
    page.get_by_role("link", name="Its deliveries").click()
    until(page, "the receiver took 1 event")
    page.get_by_role("link", name="incident.triggered").click()
    mapped = re.compile(r"by the line p-checkout.* of services, which said lark")
    expect(page.get_by_text(mapped)).to_be_visible()
    expect(page.get_by_text(re.compile(r"line \d+ of gitdailies.yml"))).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^event \d+$")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Checkout returns 502")
    page.get_by_role("link", name="find its delivery").click()
    expect(page.get_by_role("link", name="incident.triggered")).to_be_visible()
    written = (walk.relay.store.parent / "gitdailies.yml").read_text()
    assert f'"P-{NAME}": {{repo: larkspur/checkout-api}}  # {NAME}' in written


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
    tab.look("deliveries")
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
