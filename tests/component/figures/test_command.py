"""`gitdailies metrics`: the same numbers from a store as from a server, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load_webhooks
from gitdailies_webhooks.figures.settings import FigureSettings

from tests.support.figures.asking import alike, worked
from tests.support.figures.worked.expected import QUESTIONS, expected
from tests.support.servers import answer, serving
from tests.support.webhooks.running import Receiver, in_thread

OPTIONS = [part for name, text in QUESTIONS["shop"].items() for part in (f"--{name}", text)]


PERIOD = ("--from", QUESTIONS["shop"]["from"], "--now", QUESTIONS["shop"]["now"])


def run(*options: str, cwd: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitdailies_cli", "metrics", *options],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_store_and_its_server_give_the_same_answer(tmp_path: Path) -> None:
    """The store while the server runs, the server, and the store after it ended give one answer."""
    store = f"sqlite:{tmp_path / 'w.db'}"
    teams = tmp_path / "gitdailies.yml"
    teams.write_text("teams:\n  pay:\n    repos: [larkspur/led*]\n")
    of_team = ("--team", "PAY", "--config", str(teams), "--json")
    with in_thread(
        tmp_path / "w.db",
        settings=FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=72)),
        teams=load_webhooks(teams).teams,
    ) as receiver:
        key = receiver.key("all", "send", "read")
        assert receiver.post(key, worked()).status_code == 202
        receiver.get(key, "/api/metrics")  # so that everything is derived, and the settings are stored
        during = run("--store", store, *OPTIONS, "--json")
        of_server = run("--url", receiver.url, *OPTIONS, "--json", GITDAILIES_READ_KEY=key)
        asked = [*PERIOD, "--url", receiver.url, *of_team]
        team_of_server = json.loads(run(*asked, GITDAILIES_READ_KEY=key).stdout)
    after = run("--store", store, *OPTIONS, "--json")
    answers = [json.loads(ran.stdout) for ran in (during, of_server, after)]
    assert answers[0] == answers[1] == answers[2]
    alike(answers[0]["figures"], expected("shop"))
    by_repo = json.loads(run("--store", store, *PERIOD, "--repo", "larkspur/ledger", "--json").stdout)
    team_of_store = json.loads(run("--store", store, *PERIOD, *of_team).stdout)
    assert team_of_store == team_of_server
    assert team_of_store["figures"] == by_repo["figures"]
    assert by_repo["figures"]["deploymentFrequency"]["numerator"] > 0
    assert "every repository, production, team pay: " in run("--store", store, *PERIOD, *of_team[:-1]).stdout
    table = run("--store", store, *OPTIONS).stdout
    assert "61.1 %" in table
    assert "; definitions 2026-1\n" in table
    assert "11 of 18 failed; last 3 days: 2 of 3 failed so far; unlinked incidents: 1" in table
    assert "by rollback or hotfix alone: 1, median 6.0 h" in table
    assert "days count from" not in table
    assert (
        "days count from 2026-03-16T23:00:00Z on"
        in run("--store", store, *OPTIONS, "--repo", "larkspur/ledger").stdout
    )
    assert "no deploys match" not in table
    nothing = run("--store", store, *OPTIONS, "--repo", "larkspur/none").stdout
    assert "no deploys match; change --from, --repo, --environment" in nothing
    assert run("--store", store, *OPTIONS, "--csv").stdout.startswith("repo,environment,service,team,from")


def test_one_is_written_in_the_singular(tmp_path: Path) -> None:
    """One deploy in one day is written as "1 deploy" and "1 day"."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("all", "send")
        place = {"repo": "larkspur/ledger", "environment": "production"}
        deploy = {"kind": "deployed", "commitSHA": "a" * 40, "time": "2026-03-04T08:00:00Z"}
        assert receiver.post(key, {**deploy, **place}).status_code == 202
    shown = run(
        "--store", f"sqlite:{tmp_path / 'w.db'}", "--from", "2026-03-04", "--now", "2026-03-05"
    ).stdout
    assert "1 deploy in 1 day, " in shown
    assert "0 commits; unknown: 1 deploy, 0 commits" in shown


def test_each_fault_has_its_exit_code(tmp_path: Path) -> None:
    """No store and a wrong question end with 2, no answer with 1, a refused key with 3; no key is shown."""
    absent = run("--store", f"sqlite:{tmp_path / 'none.db'}")
    assert (absent.returncode, (tmp_path / "none.db").exists()) == (2, False)
    assert run("--json", "--csv").returncode == 2
    unnamed = run("--store", f"sqlite:{tmp_path / 'w.db'}", "--team", "pay", cwd=str(tmp_path))
    assert (unnamed.returncode, "--team: teams are in gitdailies.yml" in unnamed.stderr) == (2, True)
    assert run("--url", "http://127.0.0.1:9").returncode == 2
    with in_thread(tmp_path / "w.db") as receiver:
        _refusals(receiver)


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("127.0.0.1:8700", 2, "--url: expected an http or https address, got something else"),
        ("http://127.0.0.1:9", 1, "127.0.0.1:9: connection refused"),
        ("http://me:pw@127.0.0.1:9", 2, "--url: expected an http or https address without user and password"),
    ],
)
def test_an_address_without_a_server_is_reported_as_by_other_commands(
    url: str, code: int, message: str
) -> None:
    """The message is the sender's, without the name of a Python class."""
    ran = run("--url", url, GITDAILIES_READ_KEY="x")
    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr.startswith(f"gitdailies: {message}")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer("404 Not Found", b'{"detail": "no such page"}'), "answered with 404: no such page"),
        (answer("200 OK", b"<html>", Content_Type="text/html"), "answered, but not with figures"),
        (answer("200 OK", b"{}"), "answered, but not with figures"),
        (answer("302 Found", Location="https://sso.example/in"), "answered with 302: a redirect to"),
    ],
)
def test_another_kind_of_server_is_named(reply: bytes, message: str) -> None:
    """The message begins with the option and the address, and then describes the answer."""
    with serving(reply) as server:
        url = server.url.removesuffix("/webhooks")
        ran = run("--url", url, GITDAILIES_READ_KEY="x")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"gitdailies: --url: {url} {message}")


def _refusals(receiver: Receiver) -> None:
    sender, reader = receiver.key("ci"), receiver.key("reader", "read")
    refused = run("--url", receiver.url, GITDAILIES_READ_KEY=sender)
    assert (refused.returncode, sender in refused.stderr) == (3, False)
    for store in (("--url", receiver.url), ("--store", f"sqlite:{receiver.store}")):
        for since, message in (
            ("yesterday", "from: expected a date"),
            ("2999-01-01", "from: expected a time up to"),
        ):
            wrong = run(*store, "--from", since, GITDAILIES_READ_KEY=reader)
            assert (wrong.returncode, wrong.stdout) == (2, "")
            assert message in wrong.stderr
    for url in (receiver.url, f"{receiver.url}/", f"{receiver.url}/webhooks"):
        assert run("--url", url, GITDAILIES_READ_KEY=reader).returncode == 0
