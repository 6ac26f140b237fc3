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


def test_a_draft_takes_no_sentence_for_a_state_and_no_id_of_a_message_for_an_incident() -> None:
    """A sentence names the check, and an incident whose id is new in each message never ends."""
    found = drafted(
        {"event": "API Check #1 has recovered", "alert_type": "ALERT_RECOVERY", "check_name": "API Check #1"}
        | {"check_id": "927a2982", "check_result_id": "a34867c0", "uuid": "4583208e"}
    )
    assert (found["state"], found["states"]) == ("alert_type", {"ALERT_RECOVERY": "resolved"})
    assert (found["incident"], found["title"], found["service"]) == ("check_id", "check_name", "check_name")


@pytest.mark.parametrize("name", ["service_name", "serviceName", "servicename"])
def test_a_name_is_known_in_each_spelling(name: str) -> None:
    """With and without underscores, in small and large letters."""
    line = f"service: {name}   # gitdailies.yml: services: {{checkout: {{repo: OWNER/NAME}}}}"
    assert line in draft.mapping({"status": "open", "id": "4", name: "checkout"})


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


LANTERN = {
    "event": "incident.opened",
    "sent_at_ms": 1772615564000,
    "incident": {"name": "Checkout", "id": 4711, "state": "open", "started": "2026-03-04T09:12:41Z"},
}
SHIP = {
    "event": "deployment.succeeded",
    "deployment": {
        "id": 77,
        "app": "shop",
        "env": "production",
        "commit": "116112a",
        "done_ms": 1772615564000,
    },
}


def test_a_draft_prefers_an_id_to_a_name_and_takes_no_start_for_an_end() -> None:
    """A time may be milliseconds since 1970 under any name that says so."""
    found = drafted(LANTERN)
    assert found["incident"] == "incident.id"
    assert found["started_at"] == {"first_of": ["incident.started", "received"]}
    assert found["resolved_at"] == {"first_of": ["sent_at_ms", "received"]}
    untimed = {name: value for name, value in LANTERN.items() if name != "sent_at_ms"}
    assert drafted(untimed)["resolved_at"] == drafted(PAGER)["resolved_at"] == "received"
    assert drafted({"status": "pending", "id": 7})["states"]["pending"].startswith("say what it means")


def test_a_draft_without_a_whole_commit_is_of_a_deploy_by_its_words() -> None:
    """Its repository is in a line of `route`, which the draft shows with the value of the delivery."""
    lines = list(draft.pack("ship", SHIP))
    found = yaml.safe_load("\n".join(lines))
    deploy = found["messages"]["deploy"]
    assert (found["class"], deploy["states"]) == ("deploy", {"deployment.succeeded": "deployed"})
    assert (deploy["sha"], deploy["route"], deploy["route_required"]) == (
        "deployment.commit",
        "deployment.app",
        True,
    )
    assert deploy["deployed_at"] == {"first_of": ["deployment.done_ms", "received"]}
    assert any("route: {shop: {repo: OWNER/NAME, environment: production}}" in line for line in lines)
    assert any("gitdailies translate packs/ship.yaml DELIVERY.json" in line for line in lines)
    registry.compile_source("x", mapping=drafted(SHIP))
    failed = drafted(SHIP | {"event": "deployment.failed"})
    assert "deployed, or why not" in failed["states"]["deployment.failed"]


def test_a_hash_alone_is_no_commit() -> None:
    """Many tools have a hash of something else. Beside a branch, or inside `commit`, it is one."""
    found = {"status": "firing", "id": 4, "hash": "5" * 40}
    assert "incident" in drafted(found)
    assert drafted(found | {"branch": "main"})["sha"] == "hash"
    assert drafted({"id": 4, "status": "done", "commit": {"hash": "5" * 40}})["sha"] == "commit.hash"


def test_a_draft_names_no_route_that_the_delivery_does_not_have() -> None:
    """It would ignore every deploy without a word."""
    body = {"status": "deployed", "commit": "5" * 40}
    assert {"route", "route_required"}.isdisjoint(drafted(body))
    assert any(line.startswith("# route: PATH   # gitdailies.yml: ") for line in draft.mapping(body))
    registry.compile_source("x", mapping=drafted(body))


def test_a_state_in_words_goes_before_one_in_numbers() -> None:
    """Some tools send both."""
    assert drafted({"id": 7, "status": 0, "state": "passed", "commit": "5" * 40})["state"] == "state"


def test_a_draft_reads_the_words_of_other_tools() -> None:
    """`event_name`, ALERT and a slug: a tracker of errors, a monitor and a pipeline."""
    item = {"id": 4, "status": 1, "title": "x", "last_occurrence_timestamp": 1382655421}
    found = drafted({"event_name": "new_item", "data": {"item": item}})
    assert (found["state"], found["states"]) == ("event_name", {"new_item": "started"})
    assert drafted({"id": "UH6", "type": "ALERT"})["states"] == {"ALERT": "started"}
    build = {"after": "5" * 40, "status": "success", "finished": 1564097011}
    found = drafted({"repo": {"slug": "larkspur/shop"}, "build": build})
    assert (found["repo"], found["sha"]) == ("repo.slug", "build.after")


def test_a_list_of_names_may_hold_other_things() -> None:
    """What is no object in it has no name."""
    found = drafted({"state": "open", "id": 1, "services": [{"name": "shop"}, "other", None]})
    assert found["service"] == "services[*].name"
