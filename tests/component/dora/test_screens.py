"""Links for screens on a wall: figures without a person, and nothing else."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_dora.pages.frame.site import EVERYONE, FIGURES, Site, of_this_machine
from gitdailies_dora.pages.routes import pages
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import to_us

from tests.support.databases import KINDS
from tests.support.dora.bare import bare_installation
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor

SCREENS = "/settings/screens"


def days(number: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=number):%Y-%m-%d}"


def link_of(owner: Visitor, name: str = "kitchen") -> str:
    page = owner.post(SCREENS, name=name, expires=days(30))
    assert page.status_code == 200, page.text
    return re.search(r"/wall/[\w-]+", page.text)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_shows_figures_and_nothing_else(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """The link leads to the wall view without the token in the address; every other page asks to sign in."""
    sent = receiver.key("all")
    for name in ("larkspur/ledger", "larkspur/web"):
        receiver.post(sent, body("deploy", repo=name, id=name, time=datetime.now(UTC).isoformat()))
    receiver.post(sent, body("incident-started", title="Secret outage", time=datetime.now(UTC).isoformat()))
    link, screen = link_of(owner), Visitor(receiver)
    opened = screen.get(link)
    assert opened.url == f"{receiver.url}/dora?view=wall"
    assert "larkspur/ledger" in opened.text
    for path in ("/", "/dora", "/dora?repo=larkspur/ledger", "/dora?team=none"):
        page = screen.get(path)
        assert page.status_code == 200, path
        assert 'class="wall"' in page.text or "No events" in page.text, path
        for hidden in ("/events", "/deliveries", "/settings", "Secret outage", "Kim", link):
            assert hidden not in page.text, (path, hidden)
    others = [one for one in pages(Site(bare_installation()), {}) if one.needs not in (EVERYONE, FIGURES)]
    for one in others:
        if one.method == "GET":
            path = re.sub(r"\{\w+:int\}", "1", one.path)
            assert screen.get(path, allow_redirects=False).status_code == 303, path
    assert screen.get("/api/metrics", headers={}).status_code == 401


def test_a_link_is_shown_once_and_ends(receiver: Receiver, owner: Visitor) -> None:
    """The list has its name and last use and never its token; removed or expired, it opens nothing."""
    link, screen = link_of(owner), Visitor(receiver)
    assert screen.get(link).status_code == 200
    listed = owner.get(SCREENS).text
    assert ("kitchen" in listed, link in listed, "never" in listed) == (True, False, False)
    assert owner.post(f"{SCREENS}/1/remove").status_code == 303
    assert screen.get("/dora", allow_redirects=False).status_code == 303
    assert Visitor(receiver).get(link).status_code == 410
    another = link_of(owner)
    with transaction(receiver.store) as session:
        session.execute("UPDATE screens SET expires_at = ?", (to_us(datetime.now(UTC)),))
    assert Visitor(receiver).get(another).status_code == 410
    assert "expired" in owner.get(SCREENS).text
    trail = owner.get("/settings/audit").text
    assert "created the link of <strong>kitchen</strong>" in trail
    assert "removed the link of <strong>kitchen</strong>" in trail
    assert link.removeprefix("/wall/") not in trail


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "", "expires": days(3)}, "Enter a name."),
        ({"name": "hall", "expires": ""}, "Choose a day."),
        ({"name": "hall", "expires": days(-1)}, "Choose a day in the future."),
        ({"name": "hall", "expires": days(400)}, "Choose a day within 366 days."),
        ({"name": "kitchen", "expires": days(3)}, "Another screen has the name"),
    ],
)
def test_a_wrong_form_comes_back(
    receiver: Receiver, owner: Visitor, given: dict[str, str], expected: str
) -> None:
    """What was typed is still there, and the mistake is beside its field."""
    link_of(owner)
    page = owner.post(SCREENS, **given)
    assert (page.status_code, expected in page.text) == (422, True)
    assert f'value="{given["name"]}"' in page.text
    assert 'aria-invalid="true"' in page.text


def test_only_owners_make_links(receiver: Receiver, member: Visitor) -> None:
    """A member has neither the list nor the form, and sees the wall view with their own session."""
    assert member.get(SCREENS).status_code == 403
    assert member.post(SCREENS, form="/events", name="x", expires=days(3)).status_code == 403
    assert member.get("/dora?view=wall").status_code == 200
    assert "view: expected wall" in member.get("/dora?view=tv").text


def test_a_screen_in_a_browser_of_a_person_changes_nothing(receiver: Receiver, owner: Visitor) -> None:
    """An owner who opens the link to try it stays signed in."""
    owner.get(link_of(owner))
    assert owner.get("/settings/people").status_code == 200
    assert "Sign out" in owner.get("/dora").text


def test_a_link_that_only_this_machine_can_open_says_so(receiver: Receiver, owner: Visitor) -> None:
    """Without a public address, links that are handed on lead to this machine. The page says what to do."""
    hint = "Its address opens only on this machine."
    assert hint in owner.post(SCREENS, name="kitchen", expires=days(30)).text
    assert hint in owner.post("/settings/people", role="member").text
    assert not of_this_machine("https://dora.example.com/join/some-token")
