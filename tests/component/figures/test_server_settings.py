"""The settings of a server's figures, from gitdailies.yml and from flags, which win."""

import json
from pathlib import Path

import pytest
from gitdailies_dora.accounts.keys.key_store import create_key

from tests.support.empty_stores import DORA
from tests.support.machine import Process, command
from tests.support.servers import free_port

FILE = "dora: {window_hours: 48, timezone: Europe/Berlin, production: [eu, us]}"
DEPLOY = ("--repo", "larkspur/ledger", "--sha", "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214")
QUESTION = ("--now", "2026-03-05", "--from", "2026-03-04", "--json")


@pytest.mark.parametrize(
    ("flags", "window", "timezone", "production", "deploys"),
    [
        ((), 172_800, "Europe/Berlin", "eu", 1),
        (("--window-hours", "1.5", "--timezone", "UTC"), 5_400, "UTC", "eu", 0),
        (("--production", "us"), 172_800, "Europe/Berlin", "us", 0),
        (("--production", "E*"), 172_800, "Europe/Berlin", "E*", 1),
    ],
)
def test_a_server_counts_as_its_file_and_flags_say(
    flags: tuple[str, ...], window: int, timezone: str, production: str, deploys: int, tmp_path: Path
) -> None:
    """Window, time zone and production come from the file unless a flag is given; for the store, too."""
    (tmp_path / "gitdailies.yml").write_text(FILE)
    DORA.put(tmp_path / "w.db")
    secret = create_key(tmp_path / "w.db", "all", ("deployed", "read"))[0].reveal()
    url, store = f"http://127.0.0.1:{free_port()}", ("--store", "sqlite:w.db")
    process = Process(tmp_path, "dora", *store, "--listen", url.removeprefix("http://"), *flags)
    process.wait_for("listens on")
    at = ("--environment", "EU", "--time", "2026-03-03T23:30:00Z", "--url", f"{url}/webhooks")
    key = {"GITDAILIES_WEBHOOK_KEY": secret, "GITDAILIES_READ_KEY": secret}
    sent = command("deploy", *DEPLOY, *at, cwd=tmp_path, env=key)
    assert sent.returncode == 0, sent.stderr
    of_server = command("metrics", "--url", url, *QUESTION, cwd=tmp_path, env=key)
    process.stop()
    of_store = command("metrics", *store, *QUESTION, cwd=tmp_path)

    for answer in (json.loads(of_server.stdout), json.loads(of_store.stdout)):
        assert answer["windowSeconds"] == window
        assert (answer["period"]["timezone"], answer["filter"]["environment"]) == (timezone, production)
        assert answer["figures"]["deploymentFrequency"]["deploys"] == deploys


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--timezone", "Mars"), "--timezone: expected a name like Europe/Berlin, got 'Mars'"),
        (("--window-hours", "0"), "--window-hours"),
        (("--production", ""), "--production: expected a name, got an empty one"),
        (("--config", "none.yml"), "none.yml: no such file"),
    ],
)
def test_a_wrong_setting_is_refused(flags: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """A wrong flag ends the command with code 2, before it creates a store."""
    result = command("dora", "--store", "sqlite:w.db", *flags, cwd=tmp_path)
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    assert message in result.stderr
