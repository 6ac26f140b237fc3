"""A store's file that is deleted or replaced under a running relay: nothing more is accepted."""

from pathlib import Path

import requests

from tests.support.processes import eventually
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import Relay, configure, in_thread

FILES = "relay.db", "relay.db-wal", "relay.db-shm"


def refused(relay: Relay) -> str:
    """Assert that nothing is accepted and that health says so; return the reason."""
    assert pagerduty("incident.triggered", "Q-later").post(relay.url).status_code == 503
    for address in (relay.url, relay.status_url):
        answer = requests.get(f"{address}/readyz", timeout=10)
        assert answer.status_code == 503
    assert (
        "gitdailies_relay_store_failing 1.0" in requests.get(f"{relay.status_url}/metrics", timeout=10).text
    )
    return str(answer.json()["reason"])


def test_a_file_that_was_deleted_takes_no_delivery_and_is_not_made_anew(tmp_path: Path) -> None:
    """After `rm relay.db*` vendors get 503 and send again later; a restart begins with a new file."""
    file = configure(tmp_path)
    with in_thread(file) as relay:
        assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
        for name in FILES:
            (tmp_path / name).unlink()
        assert "relay.db was deleted while the server runs" in refused(relay)
        assert not (tmp_path / "relay.db").exists()
    with in_thread(file) as relay:
        assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
        assert relay.status()["waiting"] == 1


def test_a_file_that_is_put_back_is_used_again(tmp_path: Path) -> None:
    """Moved away and back, the same file takes deliveries again, and has those of before."""
    with in_thread(configure(tmp_path)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
        for name in FILES:
            (tmp_path / name).rename(tmp_path / f"away-{name}")
        refused(relay)
        for name in FILES:
            (tmp_path / f"away-{name}").rename(tmp_path / name)
        eventually(lambda: pagerduty("incident.triggered", "Q2").post(relay.url).status_code == 202, 5)
        assert relay.status()["waiting"] == 2


def test_a_log_that_was_deleted_takes_no_delivery_and_a_stop_saves_it(tmp_path: Path) -> None:
    """Without its -wal file the store takes nothing; what was accepted before is there after a restart."""
    file = configure(tmp_path)
    with in_thread(file) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
        pagerduty("incident.triggered", "Q2").post(relay.url)
        (tmp_path / "relay.db-wal").unlink()
        assert "relay.db-wal was deleted while the server runs" in refused(relay)
    with in_thread(file) as relay:
        assert relay.status()["waiting"] == 2
