"""A person at the pages without a screen, and an owner and a member of a receiver."""

import html
import re
from typing import Any

import pytest
import requests
from gitdailies_dora.accounts.people_store import invite_owner

from tests.support.dora.running import Receiver, session

PASSWORD = "nine quiet larks at dawn"


class Visitor:
    """A browser without a screen: cookies, and forms with their values."""

    def __init__(self, receiver: Receiver) -> None:
        self.session = session()
        self.url = receiver.url

    def get(self, path: str, **more: Any) -> requests.Response:
        more.setdefault("headers", {"accept": "text/html"})
        return self.session.get(self.url + path, timeout=10, **more)

    def token(self, path: str) -> str:
        return re.search(r'name="form_token" value="(\w+)"', self.get(path).text)[1]

    def post(self, path: str, form: str = "", headers: Any = None, **fields: str) -> requests.Response:
        fields = {"form_token": self.token(form or path), **fields}
        return self.session.post(
            self.url + path, data=fields, headers=headers, timeout=10, allow_redirects=False
        )

    def submit(self, path: str, form: str = "", **fields: str) -> str:
        """Post a form, and return the page that the answer leads to."""
        return self.get(self.post(path, form, **fields).headers["location"]).text

    def invitation(self, role: str = "member") -> str:
        """Return the path by which a person joins, once."""
        return re.search(r"/join/[\w-]+", self.post("/settings/people", role=role).text)[0]

    def join(self, link: str, name: str) -> requests.Response:
        return self.post(link, name=name, password=PASSWORD, again=PASSWORD)

    def sign_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        return self.post("/sign-in", name=name, password=password)


def text_of(markup: str, between: str = " ") -> str:
    """Return the words of a page or a part of it, with *between* in place of each tag."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", between, markup)).split())


def cells_of(table: str, between: str = " ") -> list[list[str]]:
    """Return the words of each cell of the body of a table, by row, as `text_of` does."""
    body = table.partition("</thead>")[2].partition("</table>")[0]
    assert body, "no table with a head"
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows)
    return [[text_of(cell, between) for cell in row] for row in cells]


def owner_of(receiver: Receiver) -> Visitor:
    visitor = Visitor(receiver)
    assert visitor.join(invite_owner(receiver.store), "Kim").status_code == 303
    return visitor


def joined(receiver: Receiver, owner: Visitor, role: str = "member", name: str = "Vic") -> Visitor:
    """Return a person whom an owner invited."""
    visitor = Visitor(receiver)
    assert visitor.join(owner.invitation(role), name).status_code == 303
    return visitor


@pytest.fixture
def owner(receiver: Receiver) -> Visitor:
    return owner_of(receiver)


@pytest.fixture
def member(receiver: Receiver, owner: Visitor) -> Visitor:
    return joined(receiver, owner)
