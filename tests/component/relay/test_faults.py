"""Answers to vendors and the stored rows, while the store cannot be written and when the process ends."""

import contextlib
import os
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay.store import store
from gitdailies_server.http import listener
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.databases import KINDS, setting
from tests.support.processes import Server, eventually, run, running, start
from tests.support.relay import power
from tests.support.relay.deliveries import TOKEN_HEADER, datadog, pagerduty
from tests.support.relay.driver import sync_failed, watched
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.relay.sockets import connected, head

CONFIG = "gitdailies.yml"


def limit_files(server: Server, size: int) -> None:
    """Let the process write no file beyond *size*, as a disk that is full does."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def readyz(url: str) -> requests.Response:
    return requests.get(f"{url}/readyz", timeout=10)


def test_a_full_disk_is_503_and_passes_without_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    """While nothing can be written deliveries and readyz are 503; with room again, all is well."""
    configure(tmp_path, url=receiver.url)
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        url = server.address
        assert pagerduty("incident.triggered", "before").post(url).status_code == 202
        eventually(lambda: receiver.of("before"))
        limit_files(server, 4096)
        for number in range(5):
            refused = pagerduty("incident.triggered", f"full-{number}").post(url)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json() == {"status": "unavailable", "reason": "the store cannot be written"}
        ready = readyz(url)
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")
        assert ready.json()["reason"].startswith("store: cannot commit: ")
        assert requests.get(f"{url}/healthz", timeout=30).status_code == 200
        limit_files(server, resource.RLIM_INFINITY)
        assert readyz(url).status_code == 200
        for number in range(5):
            assert pagerduty("incident.triggered", f"full-{number}").post(url).status_code == 202
        eventually(lambda: len(receiver.taken()) == 6)


def test_a_disk_with_room_for_a_row_alone_is_not_ready(tmp_path: Path, receiver: Receiver) -> None:
    """While deliveries are refused, no probe says ready: what it writes takes more room than they do."""
    configure(tmp_path, url=receiver.url)
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        assert pagerduty("incident.triggered", "before").post(server.address).status_code == 202
        eventually(lambda: _waiting(tmp_path) == 0)
        limit_files(server, (tmp_path / "relay.db-wal").stat().st_size + 3 * 4120)
        probes = []
        for number in range(5):
            assert pagerduty("incident.triggered", f"full-{number}").post(server.address).status_code == 503
            probes.append(readyz(server.address).status_code)
        assert probes == [503] * 5
        limit_files(server, resource.RLIM_INFINITY)
        assert readyz(server.address).status_code == 200


def test_a_log_that_cannot_be_written_changes_no_answer(tmp_path: Path, receiver: Receiver) -> None:
    """With the log on the same full disk answers are the same, and delivery goes on afterwards."""
    configure(tmp_path, url=receiver.url)
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        limit_files(server, 1)
        for number in range(50):
            refused = pagerduty("incident.triggered", f"full-{number}").post(server.address)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        unproven = pagerduty("incident.triggered", "unproven", source="datadog").post(server.address)
        assert unproven.status_code == 401
        limit_files(server, resource.RLIM_INFINITY)
        assert pagerduty("incident.triggered", "after").post(server.address).status_code == 202
        eventually(receiver.taken)


def test_what_was_sent_while_the_disk_was_full_is_recorded_later(tmp_path: Path, receiver: Receiver) -> None:
    """An event whose result could not be written is not sent again once there is room."""
    configure(tmp_path, url=receiver.url)
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:

        def script(_one: Any) -> bytes | None:
            limit_files(server, 4096)
            return Receiver.script(_one)

        receiver.script = script
        pagerduty("incident.triggered", "Q1").post(server.address)
        eventually(lambda: server.entries("store cannot be written"))
        limit_files(server, resource.RLIM_INFINITY)
        eventually(lambda: _waiting(tmp_path) == 0)
    assert len(receiver.arrivals) == 1


def _waiting(folder: Path) -> int:
    with store.reading(SqliteDatabase(folder / "relay.db")) as connection:
        waiting: int = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return waiting


def test_a_disk_that_cannot_sync_is_503_and_passes_without_a_restart(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While syncs fail nothing is 2xx and readyz says why; with syncs again, all is well."""
    failing = threading.Event()

    def seen(change: power.Change) -> None:
        if failing.is_set() and isinstance(change, power.Synced):
            raise sync_failed()

    with watched(monkeypatch, seen), in_thread(configure(tmp_path, url=receiver.url)) as relay:
        assert pagerduty("incident.triggered", "before").post(relay.url).status_code == 202
        eventually(lambda: relay.status()["waiting"] == 0)
        failing.set()
        tried = [pagerduty("incident.triggered", f"dark-{number}") for number in range(20)]
        for delivery in tried:
            refused = delivery.post(relay.url)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        ready = readyz(relay.url)
        assert (ready.status_code, ready.json()["reason"]) == (503, "store: cannot commit: disk i/o error")
        assert requests.get(f"{relay.url}/healthz", timeout=30).status_code == 200
        failing.clear()
        assert readyz(relay.url).status_code == 200
        for delivery in tried:
            assert delivery.post(relay.url).status_code == 202
        eventually(lambda: relay.status()["waiting"] == 0)
    assert sorted(one.event["incidentId"] for one in receiver.arrivals) == sorted(
        ["before", *(f"dark-{number}" for number in range(20))]
    )


def test_a_store_held_by_another_for_too_long_is_503_in_time(
    relay: Relay, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file locked, a delivery is 503 within the vendor's 5 s, and taken when the lock is gone."""
    with contextlib.closing(sqlite3.connect(relay.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        refused = pagerduty("incident.triggered", "Q1").post(relay.url)
        assert refused.status_code == 503
        assert time.monotonic() - begun < 5.0
        other.execute("ROLLBACK")
    eventually(lambda: pagerduty("incident.triggered", "Q1").post(relay.url).status_code in (200, 202))
    eventually(lambda: len(receiver.taken()) == 1)


def test_a_damaged_file_is_503_with_the_reason(tmp_path: Path, receiver: Receiver) -> None:
    """Overwritten under a running relay, the store answers 503, never a success and never a 4xx."""
    with in_thread(configure(tmp_path, url=receiver.url)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
        with contextlib.closing(sqlite3.connect(relay.store)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with relay.store.open("r+b") as file:
            file.seek(100)
            file.write(os.urandom(relay.store.stat().st_size - 100))
        answers = [datadog("monitor-triggered", cycle_key=f"C{n}").post(relay.url) for n in range(3)]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert readyz(relay.url).status_code == 503


def test_sigterm_under_load_loses_nothing_and_ends_soon(tmp_path: Path, receiver: Receiver) -> None:
    """Deliveries in flight are answered, the exit is 0 within 10 s, and all that was accepted arrives."""

    ending = threading.Event()

    def held(_one: Any) -> bytes | None:
        # However slow the senders are: what is accepted waits until the end.
        ending.wait(60)
        return Receiver.script(_one)

    receiver.script = held
    configure(tmp_path, url=receiver.url, timeout="60")
    server = start("relay", "--config", CONFIG, folder=tmp_path)
    accepted: set[str] = set()
    odd: list[int] = []

    def load(name: str) -> None:
        with requests.Session() as session:
            for number in range(10_000):
                try:
                    answer = pagerduty("incident.triggered", f"{name}-{number}").post(server.address, session)
                except requests.ConnectionError:
                    return
                if answer.status_code == 202:
                    accepted.update(answer.json()["events"])
                elif answer.status_code != 503:
                    odd.append(answer.status_code)

    threads = [threading.Thread(target=load, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(accepted) > 100)
    threading.Timer(0.3, ending.set).start()
    begun = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - begun < 10
    for thread in threads:
        thread.join()
    assert odd == []
    assert server.entries("relay stopped")
    assert accepted - {one.id for one in receiver.arrivals}, "nothing waited: the test proves nothing"
    receiver.script = Receiver.script
    with in_thread(tmp_path / CONFIG):
        eventually(lambda: _waiting(tmp_path) == 0)
    assert {one.id for one in receiver.arrivals} == accepted


@contextlib.contextmanager
def hanging(folder: Path, receiver: Receiver) -> Iterator[Server]:
    """Start a relay with a delivery, and let its receiver not answer until the block ends."""
    reached, release = threading.Event(), threading.Event()

    def hang(_one: Any) -> bytes | None:
        reached.set()
        release.wait(60)
        return None

    receiver.script = hang
    configure(folder, url=receiver.url, timeout="60")
    server = start("relay", "--config", CONFIG, folder=folder)
    try:
        pagerduty("incident.triggered", "Q1").post(server.address)
        assert reached.wait(20)
        yield server
    finally:
        release.set()
        server.kill()


def test_sigterm_waits_for_nobody_for_long(tmp_path: Path, receiver: Receiver) -> None:
    """A receiver that does not answer and a vendor that stalls in its body hold the exit under 10 s."""
    token = {TOKEN_HEADER: datadog("monitor-triggered").headers[TOKEN_HEADER]}
    with hanging(tmp_path, receiver) as server, connected(server.address) as connection:
        connection.sendall(head("/hooks/datadog", {**token, "Content-Length": "1000"}) + b"{")
        begun = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - begun < 10
    assert _waiting(tmp_path) == 1


def test_a_second_signal_ends_at_once(tmp_path: Path, receiver: Receiver) -> None:
    """A second SIGTERM ends the process at once; stored events are delivered after the next start."""
    with hanging(tmp_path, receiver) as server:
        server.process.terminate()
        time.sleep(0.3)
        begun = time.monotonic()
        assert server.terminate() != 0
        # After the first signal alone it waits for the receiver, longer than this.
        assert time.monotonic() - begun < listener.STOP_SECONDS - 1
    receiver.script = Receiver.script
    with in_thread(tmp_path / CONFIG):
        eventually(receiver.taken)


def test_a_verb_before_the_first_start_says_so(tmp_path: Path) -> None:
    """Asked about a relay that never ran, a command names the file and makes none."""
    configure(tmp_path)
    (tmp_path / "relay.db").unlink()
    ended = run("relay", "status", "--config", CONFIG, folder=tmp_path, expected=2)
    assert (
        "relay.db: no relay has used this store yet, the file does not exist; start the relay first"
        in ended.stderr
    )
    assert not (tmp_path / "relay.db").exists()


@pytest.mark.parametrize("verb", ["status", "pause"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_verb_on_a_database_without_tables_says_so(tmp_path: Path, kind: str, verb: str) -> None:
    """On either store the error says that no relay has used the database, and nothing is created in it."""
    with setting(kind, tables=None) as at:
        configure(tmp_path, store=at)
        (tmp_path / "relay.db").write_bytes(b"")
        ended = run("relay", verb, "--config", CONFIG, folder=tmp_path, expected=2)
    assert ended.stderr.endswith(
        ": no relay has used this store yet, it has none of a relay's tables; start the relay first\n"
    )
