"""Settings that a running server reloads: its answers and rows are those of one started with them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
import structlog
from gitdailies_connection.addresses import parse_network
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_dora.derived.model import rows as derived
from gitdailies_dora.events.records import change_log
from gitdailies_dora.events.store import EventStore, open_store
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.live_settings import ReloadableApp
from gitdailies_dora.mirrors import rows as mirror_rows
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import to_us, utc_now

from tests.component.figures.test_git import answered
from tests.support.databases import KINDS
from tests.support.dora.running import Receiver, at, in_thread, settings_of
from tests.support.empty_stores import DORA
from tests.support.figures.asking import worked
from tests.support.figures.git.events import ANSWERS, REPO, WEB_ALONE, deploys
from tests.support.figures.git.repository import Repository
from tests.support.figures.worked.expected import QUESTIONS
from tests.support.loops import in_loop
from tests.support.machine import Process, command
from tests.support.processes import eventually
from tests.support.servers import free_port

on_each = pytest.mark.parametrize("kind", KINDS)
TABLES = ("figures_deploys", "figures_incidents")
BERLIN = FigureSettings(timezone="Europe/Berlin")
OTHER = FigureSettings(
    timezone="Asia/Tokyo",
    window=timedelta(minutes=30),
    production=("staging", "eu-*"),
    count_same_commit=True,
    hotfix=("fix/*",),
)


def figures(receiver: Receiver, key: str) -> list[dict[str, Any]]:
    return [receiver.get(key, "/api/metrics", **question).json() for question in QUESTIONS.values()]


def rows(database: Database) -> tuple[FigureSettings, bool, list[list[Any]]]:
    """Return the settings of the rows, whether events wait to be derived, and the rows."""
    with closing(database.connect(read_only=True)) as session:
        due = change_log.count_pending(session, to_us(utc_now()), 1)
        found = [sorted(session.execute(f"SELECT * FROM {t}").fetchall()) for t in TABLES]
        return derived.stored_settings(session), bool(due), found


def settled(database: Database, settings: FigureSettings) -> list[list[Any]]:
    def there() -> list[list[Any]]:
        stored, pending, found = rows(database)
        return found if stored == settings and not pending and all(found) else []

    return eventually(there)


@on_each
def test_a_reload_answers_as_a_start_does(database: Callable[[], Database]) -> None:
    """After a reload, figures and rows are those of a server started with the settings, there and back."""
    with in_thread(database(), settings=BERLIN) as receiver:
        key = receiver.key("all", "send", "read")
        assert receiver.post(key, worked()).status_code == 202
        rows_before, before = settled(database(), BERLIN), figures(receiver, key)
        receiver.reload(settings_of(OTHER))
        eventually(lambda: figures(receiver, key)[0]["windowSeconds"] == 1800)
        derived_again, reloaded = settled(database(), OTHER), figures(receiver, key)
        assert figures(receiver, key) == reloaded
        receiver.reload(settings_of(BERLIN))
        eventually(lambda: figures(receiver, key)[0]["windowSeconds"] == 86_400)
        assert (settled(database(), BERLIN), figures(receiver, key)) == (rows_before, before)
    with in_thread(database(), settings=OTHER) as receiver:
        # On a busy machine, the first answers may say that they are of an earlier moment.
        assert settled(database(), OTHER) == derived_again != rows_before
        assert figures(receiver, key) == reloaded != before


@on_each
def test_requests_during_a_reload_use_the_old_or_the_new_settings(database: Callable[[], Database]) -> None:
    """While settings change again and again, no answer mixes them; the rows are those of the last ones."""
    odd: list[dict[str, Any]] = []
    with in_thread(database(), settings=BERLIN) as receiver:
        key = receiver.key("all", "send", "read")
        events = worked()
        assert receiver.post(key, events[: len(events) // 2]).status_code == 202
        question = QUESTIONS["shop-staging"]
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                answer = receiver.get(key, "/api/metrics", **question)
                if answer.status_code != 200:
                    odd.append(answer.json())
                    continue
                pair = (answer.json()["windowSeconds"], answer.json()["period"]["timezone"])
                if pair not in ((86_400, "Europe/Berlin"), (1800, "Asia/Tokyo")):
                    odd.append(answer.json())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number, event in enumerate(events[len(events) // 2 :]):
            if number % 5 == 0:
                receiver.reload(settings_of(BERLIN if number % 2 else OTHER))
            assert receiver.post(key, event).status_code == 202
        receiver.reload(settings_of(OTHER))
        rows_before = settled(database(), OTHER)
        ended.set()
        for thread in threads:
            thread.join()
    assert odd == []
    with in_thread(database(), settings=BERLIN):
        settled(database(), BERLIN)
    with in_thread(database(), settings=OTHER):
        assert settled(database(), OTHER) == rows_before


@asynccontextmanager
async def applied(file: Path, settings: DoraSettings) -> AsyncIterator[tuple[ReloadableApp, EventStore]]:
    """Start what applies settings, without a socket."""
    store = open_store(file)
    store.start()
    app = ReloadableApp(store, settings, utc_now, structlog.get_logger())
    app.start()
    yield app, store
    await store.close()


@in_loop
async def test_a_request_of_earlier_settings_deletes_no_rows(tmp_path: Path) -> None:
    """A request that began under earlier settings leaves the rows of the current settings as they are."""
    with in_thread(tmp_path / "w.db", settings=BERLIN) as receiver:
        assert receiver.post(receiver.key("all", "send"), worked()).status_code == 202
        settled(at(f"sqlite:{tmp_path}/w.db"), BERLIN)
    async with applied(tmp_path / "w.db", settings_of(BERLIN)) as (app, store):
        earlier = app._current._deriver
        await app.apply(settings_of(OTHER))
        await app._current._deriver.derive()
        await earlier.catch_up()
        assert await store.read(derived.stored_settings) == OTHER
        await app.stop()


def test_mirrors_are_added_and_removed(repository: Repository, tmp_path: Path) -> None:
    """A mirror that is added gives lead times without a restart; one that is removed no longer does."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("all", "deployed", "read")
        assert receiver.post(key, deploys(repository.shas)).status_code == 202
        web, numbers = ANSWERS["web"]
        assert answered(receiver, key, web, WEB_ALONE) == pytest.approx(WEB_ALONE)
        receiver.reload(settings_of(FigureSettings(), {REPO: repository.path}))
        assert answered(receiver, key, web, numbers) == pytest.approx(numbers)
        receiver.reload(settings_of(FigureSettings()))
        assert answered(receiver, key, web, WEB_ALONE) == pytest.approx(WEB_ALONE)


@in_loop
async def test_a_mirror_that_is_removed_during_its_last_write_leaves_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that the earlier worker handed to the writer are deleted too, even if they are written late."""
    with in_thread(tmp_path / "w.db") as receiver:
        assert receiver.post(receiver.key("all", "deployed"), deploys(repository.shas)).status_code == 202
    writes, may_write = threading.Event(), threading.Event()
    save = mirror_rows.save

    def late(*given: Any, **named: Any) -> None:
        writes.set()
        assert may_write.wait(10)
        save(*given, **named)

    monkeypatch.setattr(mirror_rows, "save", late)

    def count(session: Session) -> list[tuple[int]]:
        return [session.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("git_deploys", "git_pairs")]

    async with applied(tmp_path / "w.db", settings_of(FigureSettings(), {REPO: repository.path})) as (
        app,
        store,
    ):
        assert await asyncio.to_thread(writes.wait, 10)
        with patch(
            "gitdailies_dora.events.store.ANSWER_SECONDS", 0.1
        ):  # the audit trail does not get its line
            await app.apply(settings_of(FigureSettings()))
        reader = app._current._mirrors._task
        assert reader is not None
        # It is done here only if it does not wait for what is being written.
        await asyncio.wait([reader], timeout=0.3)
        may_write.set()
        await reader
        await app.stop()
        assert await store.write(count) == [(0,), (0,)]


def test_proxies_are_trusted_after_a_reload(tmp_path: Path) -> None:
    """After a reload that adds a proxy, one client that guesses keys does not slow down another."""

    def asks(client: str) -> int:
        headers = {"X-Forwarded-For": client, "webhook-key": "wrong"}
        return requests.get(f"{receiver.url}/api/events", headers=headers, timeout=10).status_code

    with in_thread(tmp_path / "w.db") as receiver:
        assert any(asks("203.0.113.9") == 429 for _ in range(200))
        assert asks("198.51.100.7") == 429
        receiver.reload(settings_of(FigureSettings(), proxies=[parse_network("127.0.0.1")]))
        eventually(lambda: asks("198.51.100.7") == 401)
        assert any(asks("203.0.113.9") == 429 for _ in range(200))
        assert asks("192.0.2.44") == 401


def test_hup_reloads_the_file_and_flags_still_win(tmp_path: Path) -> None:
    """SIGHUP reloads the file of `gitdailies dora`; a missing or faulty file changes nothing."""
    file = tmp_path / "gitdailies.yml"
    file.write_text("dora: {window_hours: 24, timezone: Europe/Berlin}")
    DORA.put(tmp_path / "w.db")
    url, store = f"http://127.0.0.1:{free_port()}", ("--store", "sqlite:w.db", "--window-hours", "12")
    process = Process(tmp_path, "dora", *store, "--listen", url.removeprefix("http://"))
    process.wait_for("listens on")
    made = command("keys", "create", "r", "--allow", "read", "--quiet", *store[:2], cwd=tmp_path)
    env = {"GITDAILIES_READ_KEY": made.stdout.strip()}

    def answered_settings() -> tuple[int, str]:
        found = json.loads(command("metrics", "--url", url, "--json", cwd=tmp_path, env=env).stdout)
        return found["windowSeconds"], found["period"]["timezone"]

    assert answered_settings() == (43_200, "Europe/Berlin")
    file.write_text("dora: {window_hours: 1, timezone: Asia/Tokyo}")
    process.hang_up("dora settings reloaded")
    assert answered_settings() == (43_200, "Asia/Tokyo")
    for fault in ("dora: {timezone: Mars}", None):
        file.write_text(fault) if fault else file.unlink()
        process.hang_up("dora settings not reloaded")
        assert answered_settings() == (43_200, "Asia/Tokyo")
    process.stop()


def test_hup_reaches_both_servers_of_up(tmp_path: Path) -> None:
    """At each SIGHUP to `gitdailies up`, the relay and the DORA server reload; a start reads it, too."""
    ports = [free_port(), free_port()]
    up = ("up", "--dora-port", ports[0], "--relay-port", ports[1])
    process = Process(tmp_path, *up)
    process.wait_for(" events\n")
    file = tmp_path / "gitdailies-data/gitdailies.yml"
    env = {"GITDAILIES_READ_KEY": (tmp_path / "gitdailies-data/read-key").read_text()}
    text = file.read_text()

    def zone_of_answers() -> str:
        at = ("metrics", "--url", f"http://127.0.0.1:{ports[0]}", "--json")
        return str(json.loads(command(*at, cwd=tmp_path, env=env).stdout)["period"]["timezone"])

    for zone in ("Europe/Berlin", "Asia/Tokyo"):
        file.write_text(text.replace("  # timezone: Europe/Berlin", f"  timezone: {zone}"))
        process.hang_up("dora settings reloaded", "configuration reloaded")
        assert zone_of_answers() == zone
    process.stop()
    second = Process(tmp_path, *up, name="second")
    second.wait_for(" events\n")
    assert zone_of_answers() == "Asia/Tokyo"
    second.stop()
