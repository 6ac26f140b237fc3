"""The pages as a person walks them, in Chromium: the documented way to a key, and every other page."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.pages.frame.site import Site
from gitdailies_dora.pages.routes import pages
from playwright.sync_api import Browser, Page, expect
from starlette.routing import compile_path

from tests.browser.conftest import Tab, become_owner, every_look, join, serving, sign_in
from tests.support.dora.bare import bare_installation
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver

SETTINGS = ("Settings", "API Access", "Manage Incoming Webhooks")


def follow(page: Page, *words: str) -> None:
    for word in words:
        page.get_by_role("link", name=word, exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(word)


def create_key(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create key").click()


def test_the_documented_way_to_a_key_and_back(owner: Tab, receiver: Receiver) -> None:
    """A key made on the pages is seen once, works, and is refused from the moment it is deleted."""
    page = owner.page
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "kim larkspur")
    follow(page, *SETTINGS)
    expect(page.get_by_role("heading", name="Webhook keys")).to_be_visible()
    page.get_by_role("link", name="Create key").click()
    create_key(page, "checkout-api on GitHub")

    key = page.locator("#key").inner_text()
    assert re.fullmatch(r"gdk_[0-9A-Za-z]{38}", key)
    assert receiver.post(key, body("deploy")).status_code == 202
    page.reload()
    assert key not in page.content()
    page.go_back()
    assert key not in page.content()

    follow(page, *SETTINGS)
    assert key not in page.content()
    page.get_by_role("link", name="checkout-api on GitHub").click()
    page.get_by_role("link", name="Delete key").click()
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(SETTINGS[-1])
    assert receiver.post(key, body("deploy", id="late")).status_code == 401
    expect(page.get_by_text("No keys yet")).to_be_visible()


def test_the_copy_button_copies_the_key(owner: Tab, receiver: Receiver) -> None:
    """Copy puts the key on the clipboard, and the button confirms it."""
    page = owner.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=receiver.url)
    page.goto(receiver.url + "/settings/api-access/incoming-webhooks/new-key")
    create_key(page, "ci")
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#key").inner_text()


def test_the_first_event_shows_up_by_itself(owner: Tab, receiver: Receiver) -> None:
    """The first page shows an event that arrives while it is open, without a reload."""
    owner.page.clock.install()
    owner.page.reload()
    expect(owner.page.get_by_text("Waiting for the first event")).to_be_visible()
    receiver.post(receiver.key("ci"), body("incident-started", title="Checkout returns 502"))
    owner.page.clock.run_for(2_000)
    expect(owner.page.get_by_role("link", name="Checkout returns 502")).to_be_visible()


def test_everything_works_without_a_script(browser: Browser, receiver: Receiver) -> None:
    """With scripts switched off the way to a key, and to the newest event, is the same."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(receiver.url + invite_owner(receiver.store))
    join(page, "Kim")
    follow(page, *SETTINGS)
    page.get_by_role("link", name="Create key").click()
    create_key(page, "ci")
    assert receiver.post(page.locator("#key").inner_text(), body("deploy")).status_code == 202
    expect(page.get_by_role("button", name=re.compile("Copy"))).to_have_count(0)
    page.get_by_role("link", name="Connect").click()
    page.get_by_role("link", name="Reload").click()
    expect(page.locator(".arrivals li")).to_have_count(1)
    context.close()


def test_the_keyboard_is_enough(owner: Tab, receiver: Receiver) -> None:
    """The first tab stop skips to the content, and a key is made without a mouse."""
    page = owner.page
    page.goto(receiver.url + "/settings/api-access/incoming-webhooks/new-key")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    kind = page.get_by_label("Deploy occurred")
    expect(kind).to_be_hidden()
    page.get_by_label("Only some kinds of event").check()
    expect(kind).to_be_visible()
    page.get_by_label("Every kind of event").check()
    page.locator("#name").focus()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your new key: by keyboard")


@pytest.fixture(scope="module")
def furniture(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Receiver, list[Any]]]:
    """Events of each kind, keys of several forms, a title that is long, and the cookies of the owner."""
    with serving(tmp_path_factory.mktemp("furnished")) as receiver:
        key = receiver.key("checkout-api on GitHub")
        receiver.key("dashboards", "read")
        receiver.key("status page", "incidentStarted", "incidentResolved")
        long = receiver.key("a key with a name of many words, for one pipeline of many")
        receiver.post(long, body("deploy"))
        with browser.new_context() as context:
            page = context.new_page()
            become_owner(page, receiver)
            page.goto(receiver.url + "/settings/tokens")
            page.get_by_label("Name").fill("spreadsheet of the platform team")
            page.get_by_role("button", name="Create token").click()
            page.goto(receiver.url + "/settings/screens")
            page.get_by_label("Name").fill("kitchen")
            page.get_by_role("button", name="Create link").click()
            cookies = context.cookies()
        receiver.post(key, [body("deploy", id=f"deploy-{n}", commitSHA=f"{n:040x}") for n in range(11)])
        receiver.post(key, body("deploy", id="deploy-11", commitSHA=f"{11:040x}", repo=LONG_NAME))
        receiver.post(key, body("incident-started", title="Checkout returns 502 for card payments " * 3))
        receiver.post(key, body("incident-resolved"))
        receiver.post(key, body("deploy", id="twice", commitSHA="b2" * 20, reporter="relay/argocd"))
        yield receiver, cookies


@pytest.fixture
def furnished(tab: Tab, furniture: tuple[Receiver, list[Any]]) -> Tab:
    """A tab of the owner of what is furnished. Its tests add keys at most."""
    tab.page.context.add_cookies(furniture[1])
    return tab


@pytest.fixture
def url(furniture: tuple[Receiver, list[Any]]) -> str:
    return furniture[0].url


MANAGE = "/settings/api-access/incoming-webhooks"
EDGES = ("/dora", "/events", "/deploys/deploy-3", "/review", "/deliveries", "/connect", "/settings", "/docs")
LEFT = "part => Math.round(document.querySelector(part).getBoundingClientRect().x)"
LONG_NAME = f"larkspur/{'x' * 91}"
LOOKED_AT = {
    "connect": "/connect",
    "events": "/events",
    "screens": "/settings/screens",
    "events-none": "/events?q=nothing+of+this",
    "deploy": "/deploys/deploy-3",
    "incident": "/incidents/Q1LARK7XW2M4CD",
    "event": "/events/14",
    "review": "/review?week=2026-W10",
    "event-counted-twice": "/events/15",
    "event-delete": "/events/13/delete",
    "settings": "/settings",
    "api-access": "/settings/api-access",
    "manage": MANAGE,
    "key": f"{MANAGE}/keys/1",
    "key-delete": f"{MANAGE}/keys/1/delete",
    "key-new": f"{MANAGE}/new-key",
    "people": "/settings/people",
    "person": "/settings/people/1",
    "person-remove": "/settings/people/1/remove",
    "sessions": "/settings/sessions",
    "audit": "/settings/audit",
    "password": "/settings/password",
    "tokens": "/settings/tokens",
    "figure-settings": "/settings/figures",
    "screen-remove": "/settings/screens/1/remove",
    "move": f"/events/move?repo={LONG_NAME}",
    "how-wrong": "/dora/how-wrong",
    "dora-long-name": f"/dora?repo={LONG_NAME}",
    "not-here": "/nowhere",
}


TO_READ = {
    "docs": "/docs",
    "help": "/help",
    "help-figures": "/help/figures",
    "help-events": "/help/events",
    "help-configuration": "/help/configuration",
}
# The pages that other tests look at, and answers that are no pages.
ELSEWHERE = {
    "test_deliveries": (
        *("/settings/services", "/deliveries", "/deliveries/refused", "/deliveries/actions"),
        *("/deliveries/pauses", "/deliveries/{relay}/{id}", "/deliveries/{relay}/{id}/{step}"),
    ),
    "the way in": ("/sign-in", "/join/{token}", "/settings/people/{id:int}/erase"),
    "links": ("/shared/{token}", "/wall/{token}"),
    "no page": ("/dora/export", "/events/export", "/events/id", "/connect/newest", "/llms.txt"),
}


def test_every_page_is_looked_at() -> None:
    """A new page is in the table of what is looked at, or is named with the test that looks at it."""
    routes = {one.path for one in pages(Site(bare_installation()), {}) if one.method == "GET"}
    looked_at = [urlsplit(address).path for address in (*LOOKED_AT.values(), *TO_READ.values())]
    missed = {one for one in routes if not any(compile_path(one)[0].match(path) for path in looked_at)}
    assert missed == {route for several in ELSEWHERE.values() for route in several}


# The reference of the API is a long page: axe takes a minute for it on a busy machine.
@pytest.mark.timeout(900)
@every_look
def test_the_documentation_looks_right_to_axe(tab: Tab, url: str) -> None:
    """What a stranger may read has no fault that axe finds, and fits every screen and paper."""
    for name, path in TO_READ.items():
        tab.page.goto(url + path)
        tab.look(name)


@every_look
def test_every_page_looks_right_to_axe(furnished: Tab, url: str) -> None:
    """No page has a fault that axe finds, in any look, and none is wider than its screen."""
    page = furnished.page
    for name, path in LOOKED_AT.items():
        page.goto(url + path)
        furnished.look(name)
    page.goto(f"{url}{MANAGE}/new-key")
    create_key(page, "dashboards")
    furnished.look("key-new-refused")
    create_key(page, "relay")
    furnished.look("key-once")
    for name, path, button in (
        ("token-once", "/settings/tokens", "Create token"),
        ("screen-once", "/settings/screens", "Create link"),
    ):
        page.goto(url + path)
        page.get_by_label("Name").fill("another")
        page.get_by_role("button", name=button).click()
        furnished.look(name)
    page.goto(url + "/settings/people")
    page.get_by_role("button", name="Create link").click()
    furnished.look("invited")


def test_a_list_of_events_fits_every_screen(furnished: Tab, url: str) -> None:
    """On a large screen, the filters are in one row. On a phone, no badge is broken, and no name left out."""
    page = furnished.page
    page.goto(f"{url}/events")
    for width in (1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        fields = page.locator("form.of-events > div")
        bottoms = fields.evaluate_all("all => all.map(one => Math.round(one.getBoundingClientRect().bottom))")
        assert (len(bottoms), len(set(bottoms))) == (7, 1)
        lines = page.locator("td.short a").evaluate_all("all => all.map(one => one.getClientRects().length)")
        assert len(lines) > 10
        assert set(lines) == {1}
    page.get_by_text("More filters").click()
    last = page.locator(".more .filters > div").last.bounding_box()
    assert page.get_by_role("button", name="Filter").bounding_box()["y"] > last["y"] + last["height"]
    page.set_viewport_size({"width": 390, "height": 844})
    heights = page.locator("table .badge:visible").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(heights) >= 15
    assert max(heights) < 30
    expect(page.locator("table td.place a", has_text=LONG_NAME)).to_be_visible()
    assert furnished.outside() == []


def test_every_page_begins_at_the_same_edge(furnished: Tab, url: str) -> None:
    """From page to page, neither the bar nor the heading moves to the side."""
    page = furnished.page
    edges = {1440: set(), 1920: set()}
    for path in EDGES:
        page.goto(url + path)
        for width, found in edges.items():
            page.set_viewport_size({"width": width, "height": 900})
            found |= {page.evaluate(LEFT, part) for part in (".brand", "h1")}
    assert [len(found) for found in edges.values()] == [1, 1], edges


def test_no_cell_is_left_out_on_a_phone(furnished: Tab, url: str) -> None:
    """A row of a table is a block there, which has every cell, and its meaning where no heading tells it."""
    page = furnished.page
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/events", "/connect", "/settings/people", "/settings/tokens", "/settings/audit", MANAGE):
        page.goto(url + path)
        cells = page.locator("table.stacked :is(td, th[scope=row]):not(:empty)")
        assert cells.count() > 3
        assert cells.evaluate_all("cells => cells.filter(cell => !cell.checkVisibility()).length") == 0, path
        assert page.locator("table:not(.stacked)").count() == 0, path
    before = "cells => cells.slice(0, 4).map(cell => getComputedStyle(cell, '::before').content)"
    labels = ['"key "', '"permissions "', '"last used "', '"expires "']
    assert page.locator("td[data-label]").evaluate_all(before) == labels


def test_the_audit_trail_has_its_details_on_a_phone(furnished: Tab, url: str) -> None:
    """The details of a line open on a narrow screen, and are read without scrolling to the side."""
    page = furnished.page
    page.goto(f"{url}/settings/audit")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("Details").first.click()
    details = page.locator(".audit pre").first
    expect(details).to_be_visible()
    assert details.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert furnished.outside() == []


@every_look
def test_the_way_in_looks_right_to_axe(tab: Tab, receiver: Receiver) -> None:
    """The pages of a visitor who is not signed in have no fault, also after a wrong password."""
    page = tab.page
    page.goto(receiver.url)
    tab.look("set-up")
    link = receiver.url + invite_owner(receiver.store)
    page.goto(link)
    tab.look("join")
    join(page, "Kim")
    page.get_by_role("button", name="Sign out").click()
    tab.look("sign-in")
    sign_in(page, "Kim", "something else")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    tab.look("sign-in-refused")
    page.goto(link)
    tab.look("used-link")


def link_on(page: Page) -> str:
    """Return the link that a page shows once."""
    return page.locator("#link").inner_text()


@every_look
def test_links_look_right_to_axe(tab: Tab, receiver: Receiver) -> None:
    """No fault is on what a link opens (a wall, a review, a new password) and on what erases a person."""
    page = tab.page
    become_owner(page, receiver)
    receiver.post(receiver.key("ci"), body("deploy"))
    page.goto(f"{receiver.url}/review?week=2026-W10")
    page.get_by_role("button", name="Link that works for seven days").click()
    tab.look("review-shared-once")
    shared = link_on(page)
    page.goto(f"{receiver.url}/settings/people")
    page.get_by_role("button", name="Create link").click()
    invited = link_on(page)
    page.goto(f"{receiver.url}/settings/screens")
    page.get_by_label("Name").fill("kitchen")
    page.get_by_role("button", name="Create link").click()
    wall = link_on(page)
    page.get_by_role("button", name="Sign out").click()
    for name, link in (("review-shared", shared), ("screen", wall)):
        page.goto(link)
        tab.look(name)
    page.goto(invited)
    join(page, "Robin")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "Kim Larkspur")
    page.goto(f"{receiver.url}/settings/people/2")
    page.get_by_role("button", name="Create link").click()
    tab.look("password-link")
    page.goto(link_on(page))
    tab.look("password-new")
    page.goto(f"{receiver.url}/settings/people/2/remove")
    page.get_by_role("button", name="Remove").click()
    page.goto(f"{receiver.url}/settings/people/2/erase")
    tab.look("person-erase")
