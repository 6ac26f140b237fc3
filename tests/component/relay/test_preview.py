"""`gitdailies sources preview`: a draft of a mapping, tried on what a running relay has stored."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies

from tests.support.databases import KINDS, setting
from tests.support.relay.deliveries import in_json
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, add_source, configure, in_thread

TOKEN = "pager-planted-66d0"
PROOF = "proof: {token: {header: X-Pager-Token}}"
ACTIVE = "state: what, states: {OPEN: started}, incident: id, started_at: at, service: system"
DRAFT = ACTIVE.replace("{OPEN: started}", "{OPEN: started, NOTE: a note, BEGIN: started}")


def configured(folder: Path, url: str, draft: str, captured: str = "", **settings: str) -> Path:
    file = configure(folder, url=url, **settings)
    add_source(file, "pager", TOKEN, f"{captured} mapping: {{{PROOF}, {draft}}}")
    return file


def edited(file: Path, before: str, after: str) -> None:
    file.write_text(file.read_text().replace(before, after))


def post(relay: Relay, **body: Any) -> str:
    return str(in_json("pager", body, X_Pager_Token=TOKEN).post(relay.url).json()["status"])


def preview(file: Path, *more: str) -> Result:
    return CliRunner().invoke(gitdailies, ["sources", "preview", "pager", "--config", str(file), *more])


def deliver(relay: Relay) -> list[str]:
    """Send one of everything, with a service that is known."""
    at = "2026-03-04T09:12:41Z"
    return [
        post(relay, what="OPEN", id=1, at=at, system="checkout-api"),
        post(relay, what="BEGIN", id=2, at=at, system="checkout-api"),
        post(relay, what="NOTE", id=1, at=at, system="checkout-api"),
        post(relay, what="NOTE", id=2, at=at, system="checkout-api"),
        post(relay, what="OPEN", id=3, at="this morning", system="checkout-api"),
        post(relay, what="SNOOZE", id=1, at=at, system="checkout-api"),
        post(relay, what="OPEN", id=4, at=at, system="nobody"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_is_tried_on_captured_deliveries(kind: str, tmp_path: Path, receiver: Receiver) -> None:
    """What would count, what is ignored by word and number, and what cannot be read, with path and value."""
    with setting(kind) as where:
        file = configured(tmp_path, receiver.url, ACTIVE, "capture: true,", store=where)
        with in_thread(file) as relay:
            assert deliver(relay) == ["quarantined"] * 7
            edited(file, ACTIVE, DRAFT)
            found = json.loads(preview(file, "--json").output)
            printed = preview(file).output
            later = json.loads(preview(file, "--json", "--since", "2030-01-01T00:00:00Z").output)

    assert (receiver.arrivals, later["deliveries"]) == ([], 0)
    assert (found["deliveries"], found["counted"], len(found["wouldCount"])) == (7, {"started": 2}, 2)
    ignored = {(one["word"], one["reason"]): one["count"] for one in found["ignored"]}
    assert ignored == {("NOTE", "a note"): 2, ("OPEN", "unmapped: no line under services for 'nobody'"): 1}
    unreadable = {one["reason"]: one["count"] for one in found["unreadable"]}
    assert len(unreadable) == 2
    assert any("at: expected a time" in one and "'this morning'" in one for one in unreadable)
    assert any("'SNOOZE'" in one for one in unreadable)
    for text in ("7 stored deliveries", "NOTE", "a note", "this morning", "SNOOZE"):
        assert text in printed
    assert "2 of them did not count before, and would now" in printed


def test_the_difference_to_what_is_active(tmp_path: Path, receiver: Receiver) -> None:
    """What counted when it came, or in a replay, is none. What the draft alone counts is named."""
    file = configured(tmp_path, receiver.url, ACTIVE)
    with in_thread(file) as relay:
        assert [answer == "stored" for answer in deliver(relay)] == [True, *[False] * 6]
        before = json.loads(preview(file, "--json").output)
        edited(file, ACTIVE, DRAFT)
        after = json.loads(preview(file, "--json").output)
        CliRunner().invoke(gitdailies, ["relay", "replay", "--source", "pager", "--config", str(file)])
        replayed = json.loads(preview(file, "--json").output)

    assert (before["counted"], before["wouldCount"]) == ({}, [])
    assert (after["counted"], len(after["wouldCount"])) == ({"started": 1}, 1)
    assert (replayed["deliveries"], replayed["wouldCount"]) == (after["deliveries"] - 1, [])
