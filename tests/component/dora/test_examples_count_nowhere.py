"""Examples of sources, through a relay to the server: they are seen, and no figure of production changes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.sources import registry
from gitdailies_core.values.times import parse, text_of
from gitdailies_dora import erasing
from gitdailies_dora.sql.database import database_at
from gitdailies_server.storage.erasing import Erasure

from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.with_relay import STATUS_KEY, pages_and_relay
from tests.support.processes import eventually
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import Relay

REPO = "gitdailies/example"


@dataclass
class Both:
    """A relay with every adapter as a source, the server that it sends to, and a key of the server."""

    relay: Relay
    receiver: Receiver
    key: str

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.receiver.get(self.key, path, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def at_relay(self, method: str, path: str) -> requests.Response:
        headers = {"authorization": f"Bearer {STATUS_KEY}"}
        return requests.request(
            method, self.relay.status_url + path, headers=headers, json={"person": "Kim"}, timeout=20
        )

    def examples(self) -> list[dict[str, Any]]:
        return self.receiver.events(self.key, repo=REPO, limit="500")

    def figures(self, now: datetime) -> str:
        """What readers see: the figures, their trend, each repository, and the review of the week."""
        asked = {"now": text_of(now), "from": text_of(now - timedelta(days=90))}
        found = [
            self.ask("/api/metrics", **asked),
            self.ask("/api/metrics/series", **asked, by="repo", interval="week"),
            self.ask("/api/metrics/series", **asked, by="environment", environment="production"),
            # Its figures are those of its own moment.
            {name: self.ask("/api/review")[name] for name in ("sections", "happened", "open", "left")},
        ]
        for answer in found:
            remove(answer, "asOf")
        return json.dumps(found, indent=1, sort_keys=True)

    def erase(self) -> None:
        """Do what `gitdailies erase --repo gitdailies/example` does at the server."""
        erasing.erase(database_at(self.receiver.store), Erasure(repo=REPO))


def remove(answer: Any, name: str) -> None:
    for one in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ():
        remove(one, name)
    if isinstance(answer, dict):
        answer.pop(name, None)


def with_all(both: Both) -> None:
    """Add every installed adapter as a source of its own name, with a token in a header."""
    folder = both.relay.store.parent
    file, token = folder / "gitdailies.yml", folder / "a-token"
    token.write_text("t0ken-of-every-source")
    token.chmod(0o600)
    # A line for every service would count an example, if it were asked.
    text = file.read_text().replace("services:\n", 'services:\n  "*": {repo: "larkspur/{slug}"}\n')
    for name in [name for name in registry.installed() if f"  {name}:" not in text]:
        more = ", count: all" if getattr(registry.adapter(name), "kind", "") == "alert" else ""
        text += f"  {name}: {{adapter: {name}, secrets: [{{file: a-token}}], header: X-Relay-Token{more}}}\n"
    file.write_text(text)
    both.relay.reload()
    eventually(lambda: "{slug}" in both.at_relay("GET", "/services").text)


def of_production(both: Both, now: datetime) -> None:
    """Store two deploys of production and an incident, which came from PagerDuty."""
    for days in (30, 2):
        deployed = body("deploy", id=f"deploy-{days}", time=text_of(now - timedelta(days=days)))
        assert both.receiver.post(both.key, deployed).status_code == 202
    at = text_of(now - timedelta(days=29))
    pagerduty("incident.triggered", "Q1", at=at, created_at=at).post(both.relay.url)
    eventually(lambda: len(both.receiver.events(both.key)) == 3)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with pages_and_relay(tmp_path) as (relay, receiver):
        yield Both(relay, receiver, receiver.key("reader", "read", "send"))


def test_no_example_of_any_source_changes_a_figure(both: Both) -> None:
    """Each adapter's example counts now and outside production: without it, every answer is the same."""
    with_all(both)
    began = datetime.now(UTC).replace(microsecond=0)
    of_production(both, began)
    services = both.at_relay("GET", "/services").text
    sent = {name: both.at_relay("POST", f"/sources/{name}/example") for name in registry.installed()}
    taken = {name for name, answer in sent.items() if answer.status_code == 200}
    assert {"pagerduty", "datadog", "squadcast", "github", "sentry"} <= taken
    assert 3 * len(taken) >= 2 * len(sent), [answer.text for answer in sent.values()]
    found = eventually(lambda: some if reporters(some := both.examples()) == taken else [])
    assert {one["environment"] for one in found} == {"gitdailies-example"}
    assert not [one for one in found if "tier" in one or parse(one["time"], "time") < began]
    titles = [one["title"] for one in found if one["kind"] == INCIDENT_STARTED]
    assert titles
    assert all(title.startswith("Example: ") for title in titles)
    assert both.at_relay("GET", "/services").text == services
    now = datetime.now(UTC)
    with_examples = both.figures(now)
    both.erase()
    assert both.figures(now) == with_examples
    assert both.examples() == []


def reporters(events: list[dict[str, Any]]) -> set[str]:
    """Return the sources of events of the relay."""
    return {one.get("source") or one["reporter"].removeprefix("relay/") for one in events}


def test_an_example_before_everything_else_begins_no_days(both: Both) -> None:
    """In an empty store the days of production do not begin with an example, but those of its own do."""
    with_all(both)
    for name in ("github", "pagerduty"):
        assert both.at_relay("POST", f"/sources/{name}/example").status_code == 200
    eventually(lambda: len(both.examples()) == 3)
    assert both.ask("/api/metrics")["period"]["observedFrom"] is None
    own = both.ask("/api/metrics", repo=REPO, environment="gitdailies-example")
    assert own["period"]["observedFrom"] is not None
    assert own["figures"]["deploymentFrequency"]["deploys"] == 1
