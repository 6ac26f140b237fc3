"""What commands print for people: help that is not cut, moments that fit."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from gitdailies_cli import output, standing
from gitdailies_cli.main import COMMANDS, gitdailies

CONTEXT = click.Context(gitdailies)
COMMAND = {name: gitdailies.get_command(CONTEXT, name) for name in COMMANDS}
GROUPS = [name for name, command in COMMAND.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_no_line_of_a_help_is_cut(name: str) -> None:
    """On a terminal of 80 columns each subcommand is said in full."""
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


def test_status_says_who_paused_and_what_was_kept() -> None:
    """A pause by hand is a person's, and the words for kept deliveries are explained."""
    paused = {"by": "manual", "since": "2026-03-04T09:12:41.301Z", "reason": "history is imported"}
    told = {
        "server": None,
        "paused": [paused],
        "waiting": 0,
        "buried": 0,
        "kept": {"shape": 2, "unmapped": 1},
        "lastAttempt": None,
        "bytes": 0,
        "freeBytes": 0,
    }
    said = standing.pairs(told)
    assert said["delivery"] == "paused by a person since 2026-03-04T09:12:41Z: history is imported"
    assert said["kept"].startswith(
        "2 shape (not as the vendor's table expects); 1 unmapped (of a service without"
    )
