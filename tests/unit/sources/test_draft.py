"""A draft names the fields that look right, and compiles as a mapping."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.sources import registry
from gitdailies_sources import draft

PACKS = Path(draft.__file__).parent / "packs"
PAGER = {
    "event": {"type": "OPEN", "id": 7001},
    "incident": {
        "id": 42,
        "title": "Checkout returns 502",
        "systems": ["a"],
        "opened": "04.03.2026 10:12:41",
    },
}


def drafted(body: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load("\n".join(draft.mapping(body)))
    return found


def test_a_draft_finds_the_id_beside_the_title_and_a_local_time() -> None:
    """An envelope's id is not the incident's; a time without a zone gets a form to correct."""
    found = drafted(PAGER)
    assert found["incident"] == "incident.id"
    assert found["states"] == {"OPEN": "started"}
    assert found["started_at"]["path"] == "incident.opened"
    assert found["service"] == "incident.systems"


def test_a_draft_of_a_group_reads_each_element() -> None:
    """The paths start at the element."""
    found = drafted(
        {"alerts": [{"status": "firing", "fingerprint": "8b1f", "startsAt": "2026-03-04T09:12:41Z"}]}
    )
    assert (found["each"], found["state"], found["incident"]) == ("alerts", "status", "fingerprint")
    assert found["started_at"] == {"first_of": ["startsAt", "received"]}


def test_a_draft_of_a_tool_with_one_time() -> None:
    """Its time is that of the message. The id and the service are beside the title."""
    found = drafted(
        {"now": "2026-03-04T09:12:41+00:00", "status": "down", "event_id": 7}
        | {"check": {"uuid": "b7c1", "name": "Ledger export", "slug": "ledger-export"}}
    )
    assert (found["state"], found["incident"], found["key"]) == ("status", "check.uuid", "event_id")
    assert (found["title"], found["service"]) == ("check.name", "check.slug")
    assert found["started_at"] == found["resolved_at"] == {"first_of": ["now", "received"]}


BODIES = sorted(PACKS.glob("*/examples/*.payload.json"))


@pytest.mark.parametrize("file", BODIES[::5], ids=lambda file: f"{file.parts[-3]}-{file.name}")
def test_a_draft_of_any_delivery_compiles(file: Path) -> None:
    """Whatever a tool sends, what is drafted from it is a mapping that a person can go on from."""
    registry.compile_source("x", mapping=drafted(json.loads(file.read_bytes())))
