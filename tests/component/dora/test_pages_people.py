"""People after they joined: another role, a new password by a link, and where they are signed in."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_core.errors import StoreUnavailable
from gitdailies_dora.accounts import people
from gitdailies_dora.accounts.people_store import invite_owner, set_up_path
from gitdailies_dora.events.store import EventStore
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import utc_now

from tests.component.dora.test_pages_security import on_each
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.dora.visitor import PASSWORD, Visitor, joined
from tests.support.dora.with_relay import KEY_FILE, STATUS_KEY, address_of

PEOPLE = "/settings/people"
OTHER = "a flock over the north sea"


def link_in(page: requests.Response) -> str:
    return re.search(r"/join/[\w-]+", page.text)[0]


def signed_in(visitor: Visitor) -> bool:
    return visitor.get("/settings", allow_redirects=False).status_code == 200


def choose(visitor: Visitor, link: str, password: str = OTHER, again: str | None = None) -> requests.Response:
    return visitor.post(link, password=password, again=password if again is None else again)


def audited(receiver: Receiver, action: str) -> list[tuple[str, str]]:
    with transaction(receiver.store) as session:
        rows = session.execute("SELECT actor, subject FROM audit WHERE action = ?", (action,)).fetchall()
    return [(actor, subject) for actor, subject in rows]


@on_each
def test_a_new_password_by_a_link(kind: str, receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """An owner makes a link; the person chooses a password with it, once, and is signed out elsewhere."""
    first, link = (link_in(owner.post(f"{PEOPLE}/2/password", f"{PEOPLE}/2")) for _ in range(2))
    elsewhere = Visitor(receiver)
    assert elsewhere.get(first).status_code == 410, "a later link ends an earlier one"
    assert "A new password for Vic</h1>" in elsewhere.get(link).text
    assert choose(elsewhere, link, "short").status_code == 422
    assert choose(elsewhere, link, OTHER, "different").status_code == 422
    assert choose(elsewhere, link, "vic").status_code == 422
    assert signed_in(member), "the old password works until then"
    assert choose(elsewhere, link).headers["location"] == "/"
    assert (signed_in(elsewhere), signed_in(member)) == (True, False)
    assert Visitor(receiver).get(link).status_code == 410
    assert [Visitor(receiver).sign_in("Vic", p).status_code for p in (PASSWORD, OTHER)] == [401, 303]
    assert audited(receiver, "password.reset") == [("Vic", "Vic")]
    assert audited(receiver, "password.offered") == [("Kim", "Vic")] * 2


def test_pages_are_read_while_the_disk_is_full(
    receiver: Receiver, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who is signed in reads pages, although nothing can be written about it."""

    async def full(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("store: the disk is full")

    monkeypatch.setattr(people, "SEEN_EVERY", timedelta())
    monkeypatch.setattr(EventStore, "write", full)
    assert [owner.get(page).status_code for page in ("/settings", "/events")] == [200, 200]


def test_a_link_to_a_password_ends_with_its_person(
    receiver: Receiver, owner: Visitor, member: Visitor
) -> None:
    """A link of a removed person adds nobody and changes nothing."""
    link = link_in(owner.post(f"{PEOPLE}/2/password", f"{PEOPLE}/2"))
    owner.post(f"{PEOPLE}/2/remove")
    assert Visitor(receiver).get(link).status_code == 410


@on_each
def test_a_role_changes_at_once(kind: str, receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A member becomes an owner without a new invitation. An owner who becomes a member has no links left."""
    assert member.get(PEOPLE).status_code == 403
    assert owner.post(f"{PEOPLE}/2/role", f"{PEOPLE}/2", role="owner").headers["location"] == PEOPLE
    assert member.get(PEOPLE).status_code == 200
    links = [member.invitation("owner"), link_in(member.post(f"{PEOPLE}/1/password", f"{PEOPLE}/1"))]
    owner.post(f"{PEOPLE}/2/role", f"{PEOPLE}/2", role="member")
    assert member.get(PEOPLE).status_code == 403
    assert [Visitor(receiver).get(link).status_code for link in links] == [410, 410]
    assert audited(receiver, "role.changed") == [("Kim", "Vic")] * 2


def test_the_only_owner_stays_one(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """The only owner takes no other role. With another owner they can, and see their settings then."""
    refused = owner.post(f"{PEOPLE}/1/role", f"{PEOPLE}/1", role="member")
    assert refused.status_code == 422
    assert "The only owner must stay an owner" in refused.text
    for person in (1, 2):
        path = f"{PEOPLE}/{person}"
        assert owner.post(f"{path}/role", path, role="admin").status_code == 422
    assert audited(receiver, "role.changed") == []
    owner.post(f"{PEOPLE}/2/role", f"{PEOPLE}/2", role="owner")
    assert owner.post(f"{PEOPLE}/1/role", f"{PEOPLE}/1", role="member").headers["location"] == "/settings"
    assert owner.get(PEOPLE).status_code == 403


def test_a_member_changes_nobody(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A member can neither open nor send these forms."""
    for path in ("2/role", "1/role", "1/password", "2/password"):
        assert member.post(f"{PEOPLE}/{path}", "/settings/password", role="owner").status_code == 403
    assert member.get(f"{PEOPLE}/1").status_code == 403
    assert owner.get(f"{PEOPLE}/99").status_code == 404


def test_where_a_person_is_signed_in(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A person sees their own sessions alone, and ends all but this one."""
    others = [Visitor(receiver) for _ in range(2)]
    assert [other.sign_in("Vic").status_code for other in others] == [303, 303]
    page = member.get("/settings/sessions").text
    assert (page.count("<tr>"), page.count("this browser")) == (4, 1)
    assert member.post("/settings/sessions").status_code == 303
    assert [signed_in(visitor) for visitor in (member, *others, owner)] == [True, False, False, True]
    page = member.get("/settings/sessions").text
    assert ("Sign out everywhere else" in page, "You are signed in only here." in page) == (False, True)


@on_each
def test_a_restart_ends_the_links_of_earlier_starts(kind: str, receiver: Receiver) -> None:
    """While there is no owner, only the link of the latest start works."""
    links = []
    for _ in range(3):
        with transaction(receiver.store) as session:
            links.append(set_up_path(session, utc_now()))
    assert [Visitor(receiver).get(link).status_code for link in links] == [410, 410, 200]


def texts(receiver: Receiver) -> str:
    """Return all that the store holds of what people did, and their names."""
    with transaction(receiver.store) as session:
        tables = ("audit", "people", "keys", "acknowledgements", "events")
        return str([session.execute(f"SELECT * FROM {table}").fetchall() for table in tables])


@on_each
def test_a_person_is_removed_and_their_name_erased(
    kind: str, receiver: Receiver, owner: Visitor, member: Visitor
) -> None:
    """An owner sees what has the name, confirms, and the store has it nowhere; nothing before that."""
    key = receiver.key("all", "send")
    receiver.post(key, body("incident-started", id="i-1", title="Vic was called"))
    line = {"line": "unlinked:i-1", "reason": "vic saw it; victory"}
    assert member.post("/review/acknowledge", "/settings/password", **line).status_code == 303
    assert f'href="{PEOPLE}/2/erase"' in owner.get(f"{PEOPLE}/2/remove").text
    page = owner.get(f"{PEOPLE}/2/erase").text
    assert "The name is in 1 account, 1 acknowledgement, " in page
    assert "events.body: " in page
    assert "[erased] was called" in page
    assert "gitdailies erase --person" not in page, "no relay keeps names"
    assert signed_in(member), "a preview changes nothing"
    assert "Vic was called" in texts(receiver)

    done = owner.post(f"{PEOPLE}/2/erase")
    assert "The person is removed, and the name erased" in done.text
    assert "The name was in 1 account, 1 acknowledgement, " in done.text
    assert (done.status_code, signed_in(member)) == (200, False)
    left = texts(receiver)
    assert (re.search(r"(?i)\bvic\b", left), "victory" in left) == (None, True)
    assert audited(receiver, "person.removed") == [("Kim", "[erased]")]
    assert audited(receiver, "events.erased") == [("Kim", "")]
    trail = owner.get("/settings/audit").text
    assert ("erased stored text" in trail, "Vic" in trail) == (True, False)
    again = owner.post(f"{PEOPLE}/2/erase", PEOPLE)
    assert again.headers["location"] == PEOPLE, "a form that is sent again erases nothing"
    assert len(audited(receiver, "events.erased")) == 1


def test_a_removed_name_can_be_erased_later(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """The message after a removal leads to the page that erases the name, too."""
    after = owner.post(f"{PEOPLE}/2/remove").headers["location"]
    assert "Vic was removed." in owner.get(after).text
    assert f'href="{PEOPLE}/2/erase"' in owner.get(after).text
    assert "was removed" not in owner.get(f"{PEOPLE}?removed=1").text
    assert "Erase the name Vic?" in owner.get(f"{PEOPLE}/2/erase").text
    owner.post(f"{PEOPLE}/2/erase")
    assert re.search(r"(?i)\bvic\b", texts(receiver)) is None


def test_the_only_owner_is_not_erased(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """Nobody but an owner erases a name, and the name of the only owner stays."""
    for path in (f"{PEOPLE}/1/erase", f"{PEOPLE}/2/erase"):
        assert member.get(path).status_code == 403
        assert member.post(path, "/settings/password").status_code == 403
    refused = owner.post(f"{PEOPLE}/1/erase")
    assert (refused.status_code, "the only owner cannot be removed" in refused.text) == (400, True)
    assert "Kim" in texts(receiver)
    assert audited(receiver, "events.erased") == []


def test_an_owner_erases_their_own_name(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """The line that says so does not have the name either."""
    owner.post(f"{PEOPLE}/2/role", f"{PEOPLE}/2", role="owner")
    assert owner.post(f"{PEOPLE}/1/erase").status_code == 200
    assert not signed_in(owner)
    assert "Kim" not in texts(receiver)
    assert audited(receiver, "events.erased") == [("[erased]", "")]


def test_a_name_that_is_too_short_stays(receiver: Receiver, owner: Visitor) -> None:
    """A name of two letters is in nearly every text: nothing is erased, and nobody is removed."""
    joined(receiver, owner, "reader", "Bo")
    for answer in (owner.get(f"{PEOPLE}/2/erase"), owner.post(f"{PEOPLE}/2/erase", PEOPLE)):
        assert (answer.status_code, "expected at least 3 characters" in answer.text) == (400, True)
    assert f"{PEOPLE}/2/remove" in owner.get(PEOPLE).text


def test_a_relay_has_the_name_in_a_store_of_its_own(tmp_path: Path) -> None:
    """Where a relay is connected, the page has the command that erases the name there, too."""
    (tmp_path / KEY_FILE).write_text(STATUS_KEY + "\n")
    relay = address_of("http://127.0.0.1:1", tmp_path, "us")
    with in_thread(at(f"sqlite:{tmp_path / 'dora.db'}"), relays=[relay]) as receiver:
        owner = Visitor(receiver)
        owner.join(invite_owner(receiver.store), "Kim O'Lark")
        page = html.unescape(owner.get(f"{PEOPLE}/1/erase").text)
    assert "gitdailies erase --person 'Kim O'\"'\"'Lark'" in page
