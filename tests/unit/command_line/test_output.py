"""Output of commands for people: complete help, and moments that fit."""

import json
import re
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import gitdailies_dora
import pytest
from click.testing import CliRunner
from gitdailies_cli import find_config, output
from gitdailies_cli.main import COMMANDS, SECTIONS, gitdailies
from gitdailies_cli.relay import options, status_text
from gitdailies_connection import published
from gitdailies_connection.addresses import Listen
from gitdailies_connection.relay.answers import IncidentTimeline, PausedDelivery, SendingAttempt
from gitdailies_relay.operations import reading
from gitdailies_relay.operations import status as relay_status
from gitdailies_relay.store import store
from msgspec.structs import replace

from tests.support.relay.reports import IDLE, plain

ASKED = Listen("127.0.0.1", 8702)
AT = datetime(2026, 3, 4, 9, 12, 41, 301_000, tzinfo=UTC)
CONTEXT = click.Context(gitdailies)
COMMAND = {name: gitdailies.get_command(CONTEXT, name) for name in COMMANDS}
GROUPS = [name for name, command in COMMAND.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_no_line_of_a_help_is_cut(name: str) -> None:
    """On a terminal of 80 columns the summary of each subcommand is complete."""
    shown = CliRunner().invoke(gitdailies, [name, "--help"], terminal_width=80, prog_name="gitdailies").output
    assert "Commands:" in shown
    assert [line for line in shown.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


def test_help_is_in_sections_and_names_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gitdailies --help` lists each command once, below what it is for, and where to read on."""
    published.address.cache_clear()
    shown = CliRunner().invoke(gitdailies, ["--help"]).output
    listed = re.findall(r"^  ([a-z]+)  ", shown.partition("Start:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)
    assert [title for title in SECTIONS if f"\n{title}:\n" not in shown] == []
    assert shown.endswith("Documentation:\n  docs/README.md, in the project's repository\n")
    monkeypatch.setattr(published, "address", {"Documentation": "https://larkspur.example/docs"}.get)
    assert "https://larkspur.example/docs" in CliRunner().invoke(gitdailies, ["--help"]).output


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
    assert output.time_for_people(text) == shown


def pairs(**more: Any) -> dict[str, str]:
    """The status of an idle relay, with the fields *more* replaced, as a person sees it."""
    return status_text.pairs(replace(IDLE, **more), ASKED)


def test_status_says_who_paused_and_what_was_quarantined() -> None:
    """A pause by hand is a person's, and quarantined deliveries are counted by reason, with a hint."""
    paused = PausedDelivery("default", None, "manual", "history is imported", AT)
    rows = pairs(paused=(paused,), quarantined={"unexpected_payload": 2, "unmapped": 1})
    assert rows["delivery"] == "paused by a person since 2026-03-04T09:12:41Z: history is imported"
    hint = "`gitdailies relay failed` shows the reasons"
    assert rows["quarantined"] == f"2 unexpected_payload; 1 unmapped; {hint}"


def test_status_says_how_the_last_attempt_ended() -> None:
    """Time, verdict and reason are in one line. An empty reason adds no space."""
    last = SendingAttempt(AT, 202, "delivered", "", "")
    assert pairs(last_attempt=last)["last attempt"] == "2026-03-04T09:12:41Z delivered"
    assert pairs()["last attempt"] == "-"


def timeline(incident: str | None) -> IncidentTimeline:
    return IncidentTimeline(incident, (), (), ())


@pytest.mark.parametrize("others", [(), ("b",), ("b", None)])
def test_a_timeline_is_one_object_however_many_there_are(
    others: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`relay explain --json` has the fields of the first incident, and those of every other in `others`."""
    timelines = [timeline("a"), *map(timeline, others)]
    monkeypatch.setattr(find_config, "load_configuration", lambda *_: None)
    monkeypatch.setattr(options, "store", lambda *_: None)
    monkeypatch.setattr(store, "reading", nullcontext)
    monkeypatch.setattr(reading, "timelines", lambda *_: timelines)
    monkeypatch.setattr(relay_status, "paused", lambda *_: ())
    monkeypatch.setattr(options, "server_of", lambda *_: (None, ""))
    done = CliRunner().invoke(gitdailies, ["relay", "explain", "d1", "--json"])
    delivery = {"paused": [], "server": None}
    assert json.loads(done.stdout) == {**plain(timeline("a")), "others": plain(timelines[1:]), **delivery}


def test_pages_name_commands_that_exist() -> None:
    """Each command that a page of the DORA server tells a person to type is there."""
    templates = Path(gitdailies_dora.__file__).parent / "pages" / "templates"
    named = {
        word
        for path in templates.rglob("*.html")
        for word in re.findall(r"<code>gitdailies ([a-z-]+)", path.read_text())
    }
    assert named
    assert named <= set(COMMANDS)
