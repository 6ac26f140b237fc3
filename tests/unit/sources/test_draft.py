"""A draft names the fields that look right, and compiles as a mapping."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.sources import registry
from gitdailies_sources import draft, shipped

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


@pytest.mark.parametrize("name", ["service_name", "serviceName", "servicename"])
def test_a_name_is_known_in_each_spelling(name: str) -> None:
    """With and without underscores, in small and large letters."""
    assert f"service: {name}" in draft.mapping({"status": "open", "id": "4", name: "checkout"})


def test_a_draft_of_a_deploy_is_known_by_its_commit() -> None:
    """The repository, the commit and the time of the end are read; a word that is no success is left open."""
    body = {
        "id": 9001,
        "status": "done",
        "target": "production",
        "finished": 1795514798,
        "git": {"repository": "larkspur/checkout-api", "commit": "5c634cc3313afcc0490256db8ddd0358238a0d9e"},
    }
    found = drafted(body)
    assert (found["state"], found["states"]) == ("status", {"done": "deployed"})
    assert (found["repo"], found["sha"], found["environment"]) == ("git.repository", "git.commit", "target")
    assert (found["deployed_at"], found["deployment"]) == ({"first_of": ["finished", "received"]}, "id")
    assert "incident" not in found
    assert "deployed, or why not" in drafted(body | {"status": "failed"})["states"]["failed"]


def test_a_draft_keeps_the_form_of_a_local_time() -> None:
    """A state may be a number; another field of the name `type` is not it."""
    found = drafted(
        {
            "heartbeat": {"monitorID": 7, "status": 0, "time": "2026-03-04 09:12:41.527"},
            "monitor": {"type": "http"},
        }
    )
    assert (found["state"], found["states"]) == ("heartbeat.status", {"0": "started"} | found["states"])
    assert found["started_at"] == {
        "path": "heartbeat.time",
        "format": "%Y-%m-%d %H:%M:%S.%f",
        "zone": "UTC",
    }


BODIES = sorted(PACKS.glob("*/examples/*.payload.json"))


@pytest.mark.parametrize("file", BODIES[::5], ids=lambda file: f"{file.parts[-3]}-{file.name}")
def test_a_draft_of_any_delivery_compiles(file: Path) -> None:
    """Whatever a tool sends, what is drafted from it is a mapping that a person can go on from."""
    registry.compile_source("x", mapping=drafted(json.loads(file.read_bytes())))


@pytest.mark.parametrize(
    ("body", "kind"),
    [({"event": "open", "id": 1}, "incident"), ({"status": "done", "sha": "5" * 40}, "deploy")],
)
def test_a_draft_of_a_pack_has_every_key_that_a_pack_needs(body: Any, kind: str) -> None:
    """What it leaves to be corrected is a value, never a key; a body with a commit is about a deploy."""
    drafted = yaml.safe_load("\n".join(draft.pack("my-tool", body)))
    assert set(shipped.schema()["required"]) == set(drafted)
    assert (drafted["title"], drafted["class"], list(drafted["messages"])) == ("My Tool", kind, [kind])


def test_a_commit_of_another_name_is_a_deploy_and_a_repository_may_be_an_object() -> None:
    """The last whole commit is what was deployed; an id of forty digits is no commit."""
    body = {
        "status": "completed",
        "repository": {"url": "git@github.com:larkspur/checkout-api.git"},
        "from": {"ref": "0" * 40},
        "to": {"ref": "5" * 40},
    }
    found = drafted(body)
    assert (found["sha"], found["repo"], found["states"]) == (
        "to.ref",
        "repository.url",
        {"completed": "deployed"},
    )
    assert drafted({"status": "firing", "fingerprint": "5" * 40})["incident"] == "fingerprint"


def test_a_draft_that_was_not_edited_is_named() -> None:
    """Each text that a draft holds for a person to replace is a fault, and no shipped pack has one."""
    written = yaml.safe_load("\n".join(draft.pack("pager", PAGER)))
    assert [fault.split(": ")[1] for fault in draft.unfinished(written)] == ["docs", "setup"]
    assert not [
        name for name in shipped.provider.names() if list(draft.unfinished(shipped.document(name).value))
    ]
