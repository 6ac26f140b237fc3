"""What supervisors see of the DORA server: readiness, and metrics on a listener of their own."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_core.errors import ConfigurationError, StoreUnavailable
from gitdailies_dora.derived import worker
from gitdailies_dora.derived.worker import Deriver
from gitdailies_dora.events import store as event_store
from gitdailies_dora.events.problem import StoreTimeout
from gitdailies_dora.events.store import open_store
from gitdailies_server import readiness
from gitdailies_server.readiness import Readiness
from gitdailies_server.storage import group_commit
from prometheus_client.parser import text_string_to_metric_families

from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_thread
from tests.support.loops import in_loop
from tests.support.processes import eventually
from tests.support.servers import free_port


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "dora.db"


@pytest.fixture
def busy(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0.05)
    with in_thread(store, status=Listen("127.0.0.1", free_port())) as receiver:
        yield receiver


def samples(receiver: Receiver) -> dict[str, float]:
    """Return each sample by its name without our prefix, and its labels."""
    text = requests.get(f"{receiver.status_url}/metrics", timeout=30).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            name = sample.name.removeprefix("gitdailies_dora_")
            found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found


def status(url: str) -> int:
    return requests.get(url, timeout=30).status_code


def test_readiness_really_writes(busy: Receiver, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the file, both listeners say not ready, yet alive; then ready again."""
    monkeypatch.setattr(readiness, "READY_SECONDS", 0.0)
    urls = (busy.url, busy.status_url)
    assert [status(f"{url}/readyz") for url in urls] == [200, 200]
    for module in (readiness, group_commit):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)
    with closing(sqlite3.connect(store, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        eventually(lambda: [status(f"{url}/readyz") for url in urls] == [503, 503])
        answer = requests.get(f"{busy.url}/readyz", timeout=30).json()
        assert answer["status"] == "unavailable"
        assert answer["reason"]
        assert [status(f"{url}/healthz") for url in urls] == [200, 200]
    eventually(lambda: [status(f"{url}/readyz") for url in urls] == [200, 200])


@pytest.mark.parametrize("kind", KINDS)
def test_readiness_changes_nothing(kind: str, receiver: Receiver) -> None:
    """Probes of a new and of a used store leave events and figures as they are."""
    key = receiver.key("ci", "send", "read")
    for number in range(3):
        assert receiver.post(key, body("deploy", id=f"d-{number}")).status_code == 202
        assert status(f"{receiver.url}/readyz") == 200
    assert len(receiver.events(key)) == 3


@in_loop
async def test_a_server_that_stops_is_not_ready(store: Path) -> None:
    """From the moment it begins to stop it says so, although its store can still be written."""
    opened = open_store(store)
    opened.start()
    probe = Readiness(opened)
    assert await probe.probe() == ""
    probe.stopping = True
    assert await probe.probe() == "the server is stopping"
    await opened.close()


@in_loop
async def test_two_that_ask_together_get_the_fault(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that asks just as an attempt fails begins another one; who asked before gets the fault at once."""
    opened, later = open_store(store), list[asyncio.Task[str]]()
    opened.start()
    probe = Readiness(opened)

    async def touch(_: str) -> str:
        if not later:
            begin = partial(asyncio.create_task, probe.probe())
            asyncio.get_running_loop().call_soon(lambda: later.append(begin()))
        raise StoreUnavailable("it is full")

    monkeypatch.setattr(opened, "touch", touch)
    assert (await probe.probe(), await later[0]) == ("it is full", "it is full")
    await opened.close()


def test_a_table_that_is_gone_is_no_fault_of_the_probe(busy: Receiver, store: Path) -> None:
    """Whatever the database says, readiness is 503 with its words, and metrics are answered."""
    urls = (busy.url, busy.status_url)
    for old, new, expected in (("store_facts", "gone", 503), ("gone", "store_facts", 200)):
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute(f"ALTER TABLE {old} RENAME TO {new}")
        eventually(partial(lambda is_: [status(f"{url}/readyz") for url in urls] == [is_] * 2, expected))
        assert status(f"{busy.status_url}/metrics") == 200


@in_loop
async def test_what_was_given_up_before_it_began_is_not_stored(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that was refused sends again. What waited behind a slow commit then counts once."""
    monkeypatch.setattr(event_store, "ANSWER_SECONDS", 0.2)
    opened, done, slow = open_store(store), list[str](), threading.Event()
    opened.start()
    first = asyncio.create_task(opened.write(lambda _: slow.wait(30), patient=True))
    await asyncio.sleep(0)
    with pytest.raises(StoreTimeout):
        await opened.write(lambda _: done.append("refused"))
    slow.set()
    await first
    await opened.write(lambda _: done.append("again"))
    await opened.close()
    assert done == ["again"]


def test_requests_events_and_commits_are_counted(busy: Receiver) -> None:
    """Each request counts by what it is for and its status, each event by its result, each commit."""
    key = busy.key("ci")
    assert busy.post(key, body("deploy", id="d-1")).status_code == 202
    assert busy.post(key, body("deploy", id="d-1")).status_code == 202
    assert busy.post(key, {"kind": "deployed"}).status_code == 422
    assert busy.post(key, body("deploy"), "/webhooks?validate=true").status_code == 200
    assert busy.post("gdk_wrong", body("deploy")).status_code == 401
    assert status(f"{busy.url}/sign-in") == 200
    assert status(f"{busy.url}/api/events") == 401
    found = samples(busy)
    counted = {
        'events_total{result="created"}': 1,
        'events_total{result="unchanged"}': 1,
        'events_total{result="invalid"}': 1,
        'requests_total{part="events",status="202"}': 2,
        'requests_total{part="events",status="200"}': 1,
        'requests_total{part="events",status="401"}': 1,
        'requests_total{part="events",status="422"}': 1,
        'requests_total{part="api",status="401"}': 1,
        'requests_total{part="pages",status="200"}': 1,
    }
    assert {name: found.get(name) for name in counted} == counted
    assert found["commit_seconds_count"] >= 2
    assert found["store_bytes"] > 0
    assert found["store_failing"] == 0
    eventually(lambda: samples(busy)["figures_behind_seconds"] == 0)


def test_nothing_from_outside_becomes_a_label(busy: Receiver) -> None:
    """Paths, keys and words that a client chose are nowhere in the exposition."""
    busy.post("gdk_planted", {"kind": "planted"}, "/webhooks/planted")
    busy.post(busy.key("ci"), {"kind": "planted"})
    status(f"{busy.url}/planted?planted=1")
    assert "planted" not in requests.get(f"{busy.status_url}/metrics", timeout=30).text


def test_figures_that_are_behind_and_a_faulty_file_are_exposed(
    busy: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing is derived the gauge grows; a faulty gitdailies.yml shows until it is right again."""

    async def nothing(_: Deriver, **_options: bool) -> None:
        pass

    with monkeypatch.context() as stopped:
        stopped.setattr(Deriver, "derive", nothing)
        busy.post(busy.key("ci"), body("deploy", id="d-1"))
        eventually(lambda: samples(busy)["figures_behind_seconds"] > 0)
    eventually(lambda: samples(busy)["figures_behind_seconds"] == 0)
    busy.reload(ConfigurationError("gitdailies.yml: faulty"))
    eventually(lambda: samples(busy)["reload_failed"] == 1)
    assert "faulty" in busy.logged("dora settings not reloaded")[0]["reason"]
    busy.reload(DoraSettings())
    eventually(lambda: samples(busy)["reload_failed"] == 0)


def test_an_unreadable_store_is_exposed(busy: Receiver, store: Path) -> None:
    """While the file is not at its path, a gauge says so, and the counters stay."""
    key = busy.key("ci", "send")
    moved = store.with_suffix(".moved")
    store.rename(moved)
    eventually(lambda: samples(busy)["store_failing"] == 1)
    # The fault of this commit is the last one: nothing is sent after it.
    eventually(lambda: busy.post(key, body("deploy")).status_code == 503)
    moved.rename(store)
    eventually(lambda: samples(busy)["store_failing"] == 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", 200), ("localhost:1", 200), ("dora.internal", 200), ("evil.example", 421)],
)
def test_metrics_answer_only_to_names_of_ours(busy: Receiver, host: str, expected: int) -> None:
    """A web page that has its own name resolve to this machine gets no metrics."""
    answer = requests.get(f"{busy.status_url}/metrics", headers={"host": host}, timeout=30)
    assert answer.status_code == expected


def test_the_public_listener_has_no_metrics(busy: Receiver) -> None:
    """On the address that proxies make public, /metrics is an unknown path."""
    assert status(f"{busy.url}/metrics") == 404
