"""Output of commands for people: complete help, and moments that fit."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import click
import pytest
from click.testing import CliRunner
from gitdailies_cli import output
from gitdailies_cli.main import COMMANDS, gitdailies
from gitdailies_cli.relay import options, status_text
from gitdailies_connection.addresses import Listen
from gitdailies_relay.operations import reports
from gitdailies_relay.store import store

ASKED = Listen("127.0.0.1", 8702)
CONTEXT = click.Context(gitdailies)
COMMAND = {name: gitdailies.get_command(CONTEXT, name) for name in COMMANDS}
GROUPS = [name for name, command in COMMAND.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_no_line_of_a_help_is_cut(name: str) -> None:
    """On a terminal of 80 columns the summary of each subcommand is complete."""
    shown = CliRunner().invoke(gitdailies, [name, "--help"], terminal_width=80, prog_name="gitdailies").output
    assert "Commands:" in shown
    assert [line for line in shown.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


def test_help_names_every_subcommand_of_the_relay() -> None:
    """The line about the relay names each of its subcommands."""
    relay = COMMAND["relay"]
    assert isinstance(relay, click.Group)
    assert set(relay.commands) == set(COMMANDS["relay"][1].partition("; ")[2].split(", "))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-04T09:12:41.301555Z", "2026-03-04T09:12:41Z"),
        ("2026-03-04T09:12:41Z", "2026-03-04T09:12:41Z"),
        ("2026-03-04T09:12:41.5+01:00", "2026-03-04T09:12:41+01:00"),
        (None, ""),
    ],
)
def test_a_moment_is_shown_to_the_second(text: str | None, shown: str) -> None:
    """Fractions of a second are left out, and nothing else."""
    assert output.moment(text) == shown


def status(**more: Any) -> dict[str, Any]:
    """The status of an idle relay, with the fields *more* replaced."""
    nothing = {
        "server": None,
        "paused": [],
        "waiting": 0,
        "deadLetters": 0,
        "quarantined": {},
        "receiver": None,
    }
    nothing |= {"refused": 0, "held": 0, "waitingForPush": 0, "receiver": None, "openIncidents": 0}
    return {**nothing, "lastAttempt": None, "bytes": 0, "freeBytes": 0, **more}


def test_status_says_who_paused_and_what_was_quarantined() -> None:
    """A pause by hand is a person's, and quarantined deliveries are counted by reason, with a hint."""
    paused = {
        "source": None,
        "by": "manual",
        "since": "2026-03-04T09:12:41.301Z",
        "reason": "history is imported",
    }
    rows = status_text.pairs(
        status(paused=[paused], quarantined={"unexpected_payload": 2, "unmapped": 1}), ASKED
    )
    assert rows["delivery"] == "paused by a person since 2026-03-04T09:12:41Z: history is imported"
    hint = "`gitdailies relay failed` shows the reasons"
    assert rows["quarantined"] == f"2 unexpected_payload; 1 unmapped; {hint}"


def test_status_says_how_the_last_attempt_ended() -> None:
    """Time, verdict and reason are in one line. An empty reason adds no space."""
    last = {"at": "2026-03-04T09:12:41.301Z", "verdict": "delivered", "reason": ""}
    assert (
        status_text.pairs(status(lastAttempt=last), ASKED)["last attempt"] == "2026-03-04T09:12:41Z delivered"
    )
    assert status_text.pairs(status(), ASKED)["last attempt"] == "-"


def timeline(incident: str | None) -> dict[str, Any]:
    return {"incident": incident, "deliveries": [], "occurrences": [], "events": []}


@pytest.mark.parametrize("others", [(), ("b",), ("b", None)])
def test_a_timeline_is_one_object_however_many_there_are(
    others: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`relay explain --json` has the fields of the first incident, and those of every other in `others`."""
    timelines = [timeline("a"), *map(timeline, others)]
    monkeypatch.setattr(options, "configuration", lambda *_: None)
    monkeypatch.setattr(options, "store_of", lambda *_: None)
    monkeypatch.setattr(store, "reading", nullcontext)
    monkeypatch.setattr(reports, "timelines", lambda *_: timelines)
    monkeypatch.setattr(reports, "paused", lambda *_: [])
    monkeypatch.setattr(options, "server_of", lambda *_: None)
    done = CliRunner().invoke(gitdailies, ["relay", "explain", "d1", "--json"])
    delivery = {"paused": [], "server": None}
    assert json.loads(done.stdout) == {**timeline("a"), "others": timelines[1:], **delivery}
