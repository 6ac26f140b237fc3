"""The faults of the table: what happens, which alerts must come of it, and how it is mended."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from gitdailies_server.storage.timestamps import now_us

from tests.campaign.alerting.prometheus import PACE, Pace
from tests.campaign.alerting.scene import CONFIG, KEY_FILE, Scene
from tests.support.relay.deliveries import Delivery, datadog, pagerduty, signed
from tests.support.servers import Received, Server, answer, serving

Act = Callable[[Scene], AbstractContextManager[None]]


def _plain(_connection: socket.socket, request: Received) -> bytes:
    if request.line.startswith("POST"):
        return answer("400 X" if b'"REFUSED"' in request.body else "202 X")
    return answer("404 X" if request.line.startswith("GET") else "501 X")


def plain_receiver(port: int = 0) -> AbstractContextManager[Server]:
    """Run a receiver that is none of ours; it takes every event but those of one incident."""
    return serving(_plain, port=port)


@dataclass(frozen=True)
class Fault:
    """A fault lasts as long as the block of `act`, which mends it. `alerts` must all fire meanwhile."""

    name: str
    alerts: frozenset[str]
    act: Act
    kind: str = "sqlite"
    settings: Mapping[str, str] = field(default_factory=dict)
    # The relay sends to a receiver of the test, which refuses some events.
    refuses: bool = False
    pace: Pace = PACE


@contextmanager
def killed(scene: Scene, *servers: str) -> Iterator[None]:
    for server in servers:
        scene.servers[server].kill()
    yield
    for server in servers:
        scene.start(server)


@contextmanager
def hangs(scene: Scene, server: str) -> Iterator[None]:
    process = scene.servers[server].process
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


@contextmanager
def not_listed(scene: Scene) -> Iterator[None]:
    """The relay and its target are gone, as where a deployment was deleted by mistake."""
    scene.watch("dora")
    scene.servers["relay"].kill()
    yield
    scene.start("relay")
    scene.watch("relay", "dora")


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    assert scene.disk is not None
    processes = [one.process.pid for one in scene.servers.values()]
    scene.disk.fill(processes[0])
    yield
    scene.disk.empty(processes[0])


@contextmanager
def store_deleted(scene: Scene, server: str) -> Iterator[None]:
    file = scene.folder / f"{server}.db"
    kept = file.with_suffix(".kept")
    file.rename(kept)
    yield
    scene.servers[server].kill()
    kept.rename(file)
    scene.start(server)


@contextmanager
def newer_schema(scene: Scene, *, restarted: bool) -> Iterator[None]:
    """A newer release made the store one that this release may not use; and the relay is *restarted*."""

    def set_to(*versions: str) -> Any:
        with closing(sqlite3.connect(scene.folder / "relay.db", timeout=10)) as store, store:
            before = store.execute("SELECT version_num, oldest FROM alembic_version").fetchone()
            store.execute("UPDATE alembic_version SET version_num = ?, oldest = ?", versions)
        return before

    before = set_to("9999", "9999")
    if restarted:
        scene.servers["relay"].kill()
        with suppress(AssertionError):  # it ends at once
            scene.start("relay")
    yield
    set_to(*before)
    if restarted:
        scene.start("relay")


def _statement(scene: Scene, *statements: str) -> None:
    assert scene.cluster is not None
    with psycopg.connect(scene.cluster.url, dbname="postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def no_standby(scene: Scene) -> Iterator[None]:
    """The synchronous standby is gone, so that each commit waits for it."""
    _statement(scene, "ALTER SYSTEM SET synchronous_standby_names = 'gone'", "SELECT pg_reload_conf()")
    yield
    _statement(scene, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


@contextmanager
def no_primary(scene: Scene) -> Iterator[None]:
    assert scene.cluster is not None
    scene.cluster.kill()
    yield
    scene.cluster.start()


@contextmanager
def no_connections(scene: Scene) -> Iterator[None]:
    """Others have taken every connection that the database has, after the servers lost theirs."""
    assert scene.cluster is not None
    connect = partial(psycopg.connect, scene.cluster.url, dbname="postgres", autocommit=True)
    with ExitStack() as stack:
        ours = [stack.enter_context(connect())]
        for _ in range(5):
            ours[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'relay' AND pid <> ALL(%s)",
                ([one.info.backend_pid for one in ours],),
            )
            with suppress(psycopg.OperationalError):
                while True:
                    ours.append(stack.enter_context(connect()))
        yield


@contextmanager
def slow_standby(scene: Scene, seconds: float) -> Iterator[None]:
    """Each commit waits so long for a standby, as it would for a slow disk."""
    cluster, stop = scene.cluster, threading.Event()
    assert cluster is not None
    folder = scene.folder / "standby"
    folder.mkdir()
    where = f"host=127.0.0.1 port={cluster.port} user=relay application_name=slow"
    standby = subprocess.Popen(
        [cluster.programs / "pg_receivewal", "--synchronous", "-D", folder, "-d", where],
        stderr=subprocess.DEVNULL,
    )

    def work() -> None:
        while not stop.is_set():
            standby.send_signal(signal.SIGSTOP)
            stop.wait(seconds)
            standby.send_signal(signal.SIGCONT)
            time.sleep(0.25)

    working = threading.Thread(target=work)
    _statement(scene, "ALTER SYSTEM SET synchronous_standby_names = 'slow'", "SELECT pg_reload_conf()")
    working.start()
    with repeated(scene, lambda _: scene.one_round(), threads=4):
        yield
    stop.set()
    working.join()
    _statement(scene, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    standby.kill()
    standby.wait()


@contextmanager
def late_figures(scene: Scene) -> Iterator[None]:
    """A table of derived rows takes no more, as where its index is damaged."""
    broken = (
        "CREATE TRIGGER broken BEFORE INSERT ON figures_deploys BEGIN SELECT RAISE(ABORT, 'damaged'); END"
    )

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(scene.folder / "dora.db", timeout=10)) as store, store:
            store.execute(statement)

    execute(broken)
    yield
    execute("DROP TRIGGER broken")


@contextmanager
def written(scene: Scene, name: str, text: str) -> Iterator[None]:
    """A file holds something else, such as another key or secret."""
    before = scene.write(name, text)
    yield
    scene.write(name, before)


@contextmanager
def faulty_settings(scene: Scene) -> Iterator[None]:
    before = (scene.folder / CONFIG).read_text()

    def reload(text: str) -> None:
        scene.write(CONFIG, text)
        for server in scene.servers.values():
            server.reload()

    reload(before + "services_and_more: [\n")
    yield
    reload(before)


@contextmanager
def not_taken(scene: Scene, delivery: Delivery) -> Iterator[None]:
    """A delivery is quarantined, until it is discarded."""
    scene.post(delivery)
    yield
    scene.relay("discard", "--source", "pagerduty", "--all", "--reason", "not ours")


@contextmanager
def silent_source(scene: Scene) -> Iterator[None]:
    """Datadog sent each hour for weeks, and nothing since ten days."""
    day = 86_400_000_000
    first = now_us() - 30 * day
    with closing(sqlite3.connect(scene.folder / "relay.db", timeout=10)) as store, store:
        store.executemany(
            "INSERT INTO source_days (source, day, deliveries, first_at, last_at, longest_gap)"
            " VALUES ('datadog', ?, 24, ?, ?, 3600000000)",
            [(at // day, at, at + day - 3_600_000_000) for at in range(first, first + 20 * day, day)],
        )
    yield
    scene.post(datadog("monitor-triggered"))


@contextmanager
def renamed_field(scene: Scene) -> Iterator[None]:
    """Datadog sent a severity in a hundred deliveries, and in none of the last twenty."""
    with closing(sqlite3.connect(scene.folder / "relay.db", timeout=10)) as store, store:
        store.execute(
            "INSERT INTO source_fields (source, field, reader, seen) VALUES ('datadog', 'severity', '', ?)",
            ("1" * 100 + "0" * 20,),
        )
    yield
    # What decides is another than that of the row, so that is forgotten.
    scene.post(datadog("monitor-triggered"))


@contextmanager
def old_incident(scene: Scene) -> Iterator[None]:
    began = f"{datetime.now(UTC) - timedelta(days=15):%Y-%m-%dT%H:%M:%SZ}"
    scene.post(pagerduty("incident.triggered", "OLD", at=began, created_at=began))
    yield
    scene.relay(
        "close", "OLD", "--at", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "--reason", "its end was lost"
    )


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    scene.relay("pause", "--reason", "the receiver is being moved")
    yield
    scene.relay("resume")


@contextmanager
def wrong_clock(scene: Scene, seconds: int) -> Iterator[None]:
    for server in scene.servers:
        (scene.folder / f"{server}-clock").write_text(str(seconds))
    yield
    for server in scene.servers:
        (scene.folder / f"{server}-clock").write_text("0")


@contextmanager
def repeated(scene: Scene, sends: Callable[[int], object], threads: int = 1) -> Iterator[None]:
    """Somebody sends the same again and again, from several places at once."""
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.wait(0.0 if threads > 1 else 0.3):
            number += 1
            sends(number)

    working = [threading.Thread(target=work) for _ in range(threads)]
    for one in working:
        one.start()
    yield
    stop.set()
    for one in working:
        one.join()


def flood(scene: Scene) -> AbstractContextManager[None]:
    """Many large deliveries at once, more than `relay.queue_bytes` holds."""
    large = pagerduty("incident.triggered", "F", title="x" * 200_000)
    return repeated(scene, lambda _: scene.post(large), threads=12)


def wrong_fields(scene: Scene) -> AbstractContextManager[None]:
    return repeated(scene, lambda _: scene.send({"kind": "deployed", "repo": "shop"}))


# Of a service without a line, and one that no table of ours can read.
UNMAPPED = pagerduty("incident.triggered", "U1", service="attic")
STRANGE = signed(b'{"event": {"event_type": "incident.levitated"}}')


@contextmanager
def refused_event(scene: Scene) -> Iterator[None]:
    scene.post(pagerduty("incident.triggered", "REFUSED"))
    yield
    scene.relay("discard", "--all", "--reason", "a drill")


@contextmanager
def another_receiver(scene: Scene) -> Iterator[None]:
    """Something else answers where the DORA server did. The relay starts again, so that it asks at once."""
    scene.servers["dora"].kill()
    with plain_receiver(scene.ports["dora"][0]):
        scene.servers["relay"].terminate()
        scene.start("relay")
        yield
    scene.start("dora")


def alerts(*names: str) -> frozenset[str]:
    return frozenset(names)


STORES = alerts("RelayStoreFailing", "DoraStoreFailing")
CLOCKS = alerts("RelayClockWrong", "DoraClockWrong")
NO_SERVER = alerts("DoraServerDown", "RelayEventsLate")
SLOW = Pace(20, "3s")
FAULTS: Sequence[Fault] = (
    Fault("relay killed", alerts("RelayDown"), lambda s: killed(s, "relay")),
    Fault("DORA server killed", NO_SERVER, lambda s: killed(s, "dora")),
    Fault("both killed", alerts("RelayDown", "DoraServerDown"), lambda s: killed(s, "relay", "dora")),
    Fault("relay and its target deleted", alerts("RelayDown"), not_listed),
    Fault("DORA server hangs", NO_SERVER, lambda s: hangs(s, "dora")),
    Fault(
        "a newer release wrote the store, restart",
        alerts("RelayDown"),
        lambda s: newer_schema(s, restarted=True),
    ),
    Fault(
        "a newer release wrote the store meanwhile",
        alerts("RelayStoreFailing"),
        lambda s: newer_schema(s, restarted=False),
    ),
    Fault("disk full", STORES, full_disk, "disk"),
    Fault("relay's store deleted", alerts("RelayStoreFailing"), lambda s: store_deleted(s, "relay")),
    Fault("DORA server's store deleted", alerts("DoraStoreFailing"), lambda s: store_deleted(s, "dora")),
    Fault("synchronous standby gone", STORES, no_standby, "postgresql"),
    Fault("primary gone", STORES | {"RelayUnavailable", "DoraUnavailable"}, no_primary, "postgresql"),
    Fault("connections used up", STORES, no_connections, "postgresql"),
    Fault(
        "commits take 1.3 s",
        alerts("RelayCommitsSlow", "DoraCommitsSlow"),
        lambda s: slow_standby(s, 1.3),
        "postgresql",
        pace=SLOW,
    ),
    Fault(
        "commits take 2.9 s",
        alerts("RelaySlow", "DoraSlow"),
        lambda s: slow_standby(s, 2.9),
        "postgresql",
        pace=SLOW,
    ),
    Fault(
        "vendor's secret changed",
        alerts("RelayProofRefused"),
        lambda s: written(s, "pagerduty-secret", "x" * 20),
    ),
    Fault("relay's key wrong", alerts("RelayPaused"), lambda s: written(s, KEY_FILE, "gdk_" + "x" * 40)),
    Fault(
        "a sender's key wrong",
        alerts("DoraEventsRefused"),
        lambda s: repeated(s, lambda _: s.send({}, "gdk_no")),
    ),
    Fault("a sender's fields wrong", alerts("DoraEventsRefused"), wrong_fields),
    Fault("settings faulty", alerts("RelayConfigurationFaulty", "DoraConfigurationFaulty"), faulty_settings),
    Fault("service without a line", alerts("RelayQuarantined"), lambda s: not_taken(s, UNMAPPED)),
    Fault("unknown word of a vendor", alerts("RelayQuarantined"), lambda s: not_taken(s, STRANGE)),
    Fault("source silent", alerts("RelaySourceSilent"), silent_source),
    Fault("a vendor renamed a field", alerts("RelaySourceFieldMissing"), renamed_field),
    Fault("incident open for 15 days", alerts("RelayIncidentOpen"), old_incident),
    Fault("delivery paused by hand", alerts("RelayPaused"), paused),
    Fault("event refused by the receiver", alerts("RelayDeadLetters"), refused_event, refuses=True),
    Fault("another receiver at the address", alerts("RelayReceiverChanged"), another_receiver),
    Fault("figures cannot be derived", alerts("DoraFiguresLate"), late_figures),
    Fault("clock 10 minutes ahead", CLOCKS, lambda s: wrong_clock(s, 600)),
    Fault("clock 10 minutes behind", CLOCKS, lambda s: wrong_clock(s, -600)),
    Fault(
        "flood of large deliveries", alerts("RelayUnavailable"), flood, settings={"queue_bytes": "1048576"}
    ),
)
