"""Read tokens of people: shown once, for reading alone, and only as long as the person."""

import re
from datetime import timedelta

import pytest
import requests
from gitdailies_dora.accounts.keys.key_store import MOST_TOKENS, list_keys
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import to_us, utc_now

from tests.component.dora.test_pages_security import key_of, on_each
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor

TOKENS = "/settings/tokens"
LATER = f"{utc_now() + timedelta(days=30):%Y-%m-%d}"


def create(visitor: Visitor, name: str = "sheet", expires: str = LATER) -> requests.Response:
    return visitor.post(TOKENS, name=name, expires=expires)


def token_in(page: requests.Response) -> str:
    return re.search(r"gdk_\w{38}", page.text)[0]


def asked(receiver: Receiver, token: str, path: str = "/api/events", method: str = "GET") -> int:
    headers = {"authorization": f"Bearer {token}"}
    return requests.request(method, receiver.url + path, headers=headers, json={}, timeout=30).status_code


@on_each
def test_a_member_reads_with_a_token(kind: str, receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A token reads events and figures, sends nothing, deletes nothing, and no page shows it again."""
    made = create(member)
    token = token_in(made)
    boxes = re.findall(r'data-copy="(\w+)"', made.text)
    assert boxes == ["token", "ask", "sample"], "the line that asks is copied by itself"
    assert made.headers["cache-control"] == "no-store"
    paths = ("/api/events", "/api/metrics", "/api/metrics/why")
    assert [asked(receiver, token, path) for path in paths] == [200, 200, 200]
    assert receiver.post(token, body("deploy")).status_code == 403
    assert asked(receiver, token, "/api/events/none", "DELETE") == 403
    page = member.get(TOKENS).text
    assert (token in page, "never" in page) == (False, False), "its last use is shown"
    with transaction(receiver.store) as session:
        rows = session.execute("SELECT actor, action, subject FROM audit WHERE action = 'token.created'")
        assert [(row[0], token in row[2]) for row in rows.fetchall()] == [("Vic", False)]
        stored = session.execute("SELECT * FROM keys").fetchall()
    assert token not in str(stored)


def test_a_token_is_no_webhook_key(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """Owners see keys where keys are, and a person their own tokens alone."""
    key_of(owner, "ci")
    create(member, "ci")
    create(owner, "ci")
    assert [key.name for key in list_keys(receiver.store)] == ["ci"]
    page = owner.get("/settings/api-access/incoming-webhooks").text
    assert page.count("gdk_") == 1
    assert owner.get(TOKENS).text.count("gdk_") == member.get(TOKENS).text.count("gdk_") == 1
    assert owner.get("/settings/api-access/incoming-webhooks/keys/2").status_code == 404


def test_nobody_deletes_the_token_of_another(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A person deletes their own tokens, at once, and neither another's nor a key."""
    key = key_of(owner, "ci")
    token = token_in(create(member))
    for id_ in (1, 2, 10**30):
        assert owner.post(f"{TOKENS}/{id_}/delete", TOKENS).status_code == 404
    assert member.post(f"{TOKENS}/1/delete", TOKENS).status_code == 404
    assert (asked(receiver, token), receiver.post(key, body("deploy")).status_code) == (200, 202)
    assert member.post(f"{TOKENS}/2/delete", TOKENS).status_code == 303
    assert asked(receiver, token) == 401


@on_each
def test_a_token_ends_with_its_person(kind: str, receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """Removing a person ends their tokens; a token that is over is refused."""
    token, own = token_in(create(member)), token_in(create(owner))
    owner.post("/settings/people/2/remove")
    assert (asked(receiver, token), asked(receiver, own)) == (401, 200)
    with transaction(receiver.store) as session:
        session.execute("UPDATE keys SET expires_at = ?", (to_us(utc_now()),))
    assert asked(receiver, own) == 401
    assert "expired" in owner.get(TOKENS).text


@pytest.mark.parametrize(
    ("name", "expires", "words"),
    [
        ("", LATER, "Enter a name."),
        ("a\u202eb", LATER, "name"),
        ("a", "", "Choose a day."),
        ("a", "9999-12-31", "Choose a day within 366 days."),
    ],
)
def test_wrong_forms(receiver: Receiver, member: Visitor, name: str, expires: str, words: str) -> None:
    """A token needs a name and an end; the form says what is missing."""
    refused = create(member, name, expires)
    assert (refused.status_code, words in refused.text) == (422, True)


def test_names_and_numbers_are_limited(receiver: Receiver, member: Visitor) -> None:
    """Two tokens of a person have two names, and nobody has very many."""
    form = {"form_token": member.token(TOKENS), "expires": LATER}

    def made(name: str) -> int:
        return member.session.post(receiver.url + TOKENS, data={**form, "name": name}, timeout=10).status_code

    assert [made(f"t{n}") for n in range(MOST_TOKENS)] == [200] * MOST_TOKENS
    assert (made("t1"), made("one more")) == (422, 422)
