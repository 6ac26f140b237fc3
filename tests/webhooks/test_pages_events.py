"""The page of an event says what it counts for, and why."""

from __future__ import annotations

import re

import pytest
from gitdailies_webhooks.first_owner import invite_owner

from tests.databases import KINDS
from tests.webhooks.payloads import body
from tests.webhooks.running import Receiver
from tests.webhooks.test_pages_security import Visitor


def lines(page: str) -> list[str]:
    """Return the facts of a page, each as `name: text`."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return [f"{name}: {text}" for name, text in found]


@pytest.fixture
def owner(receiver: Receiver) -> Visitor:
    visitor = Visitor(receiver)
    assert visitor.join(invite_owner(receiver.store), "Kim").status_code == 303
    return visitor


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_says_what_it_counts_for(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """A deploy that an incident followed counts as failed, the first has no lead time, and both say so."""
    key = receiver.key("ci")
    for event in ("deploy", "incident-started"):
        assert receiver.post(key, body(event)).status_code == 202

    deploy, incident = (lines(owner.get(path).text) for path in ("/events/1", "/events/2"))
    said = [": ".join(line.split(": ")[:2]) for line in (*deploy, *incident)]
    assert "Deployment frequency: Counts" in said
    assert "Change lead time: Does not count" in said
    assert "Change fail rate: Counts" in said
    assert "Failed deployment recovery time: Does not count" in said


def test_an_event_of_another_environment_is_asked_about_there(receiver: Receiver, owner: Visitor) -> None:
    """A deploy to staging counts among those of staging, on its own page."""
    assert receiver.post(receiver.key("ci"), body("deploy", environment="staging")).status_code == 202

    said = lines(owner.get("/events/1").text)
    assert any(line.startswith("Deployment frequency: Counts: ") for line in said)
