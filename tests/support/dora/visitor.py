"""A person at the pages without a screen, and an owner and a member of a receiver."""

import html
import re
from typing import Any

import pytest
import requests
from gitdailies_dora.accounts.people_store import invite_owner

from tests.support.dora.running import Receiver

PASSWORD = "nine quiet larks at dawn"


class Visitor:
    """A browser without a screen: cookies, and forms with their values."""

    def __init__(self, receiver: Receiver) -> None:
        self.session = requests.Session()
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

    def join(self, link: str, name: str) -> requests.Response:
        return self.post(link, name=name, password=PASSWORD, again=PASSWORD)

    def sign_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        return self.post("/sign-in", name=name, password=password)


def text_of(markup: str, between: str = " ") -> str:
    """Return the words of a page or a part of it, with *between* in place of each tag."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", between, markup)).split())


def owner_of(receiver: Receiver) -> Visitor:
    visitor = Visitor(receiver)
    assert visitor.join(invite_owner(receiver.store), "Kim").status_code == 303
    return visitor


@pytest.fixture
def owner(receiver: Receiver) -> Visitor:
    return owner_of(receiver)


@pytest.fixture
def member(receiver: Receiver, owner: Visitor) -> Visitor:
    visitor = Visitor(receiver)
    link = re.search(r"/join/[\w-]+", owner.post("/settings/people", role="member").text)[0]
    assert visitor.join(link, "Vic").status_code == 303
    return visitor
