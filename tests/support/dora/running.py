"""A receiver that listens: in a thread of the test, or in a process that a test may kill."""

import asyncio
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from unittest.mock import patch

import argon2
import requests
import structlog
from gitdailies_connection.addresses import Listen, Network
from gitdailies_connection.config.sections.settings import (
    DeploySettings,
    DoraSettings,
    RelayAddress,
    StoreSetting,
    TeamSettings,
)
from gitdailies_connection.config.sections.sign_in import SignInSettings
from gitdailies_connection.config.sections.trusted_ci import TrustedCi
from gitdailies_dora.accounts import passwords
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived import worker
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.server import serve
from gitdailies_dora.sql.database import StoreLocation, database_of
from gitdailies_server.storage.database import Database


@dataclass
class Receiver:
    """An address and a store, with a key for each right."""

    url: str
    store: StoreLocation
    # Makes the server read its settings again, and find these or this error.
    reload: Callable[[DoraSettings | Exception], None] = lambda _: None
    # What it logged so far, unless its lines are written.
    log: list[MutableMapping[str, Any]] = field(default_factory=list)
    # The second listener, if it has one.
    status_url: str = ""

    def logged(self, event: str) -> list[MutableMapping[str, Any]]:
        return [entry for entry in self.log if entry["event"] == event]

    def key(self, name: str, *allow: str) -> str:
        return create_key(self.store, name, allow)[0].reveal()

    def post(self, key: str, body: Any, path: str = "/webhooks", **headers: str) -> requests.Response:
        """Post JSON (or bytes as they are); header names are written with `_` for `-`."""
        given = {"webhook-key": key, **{name.replace("_", "-"): text for name, text in headers.items()}}
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        return _request("POST", self.url + path, headers=given, timeout=30, **data)

    def get(self, key: str, path: str = "/api/events", **query: str) -> requests.Response:
        given = {"webhook-key": key}
        return _request("GET", self.url + path, headers=given, params=query, timeout=60)

    def delete(self, key: str, id_: str) -> requests.Response:
        """Delete an event, whose id is written as an address has it."""
        url = f"{self.url}/api/events/{id_}"
        return _request("DELETE", url, headers={"webhook-key": key}, timeout=30)

    def events(self, key: str, **query: str) -> list[dict[str, Any]]:
        return self.get(key, **query).json()["events"]


def session() -> requests.Session:
    """Return a session that does not look for proxies, which takes as long as half of a request."""
    found = requests.Session()
    found.trust_env = False
    return found


def _request(method: str, url: str, **more: Any) -> requests.Response:
    with session() as once:
        return once.request(method, url, **more)


# A hash of the product takes 50 ms on purpose. tests/unit/dora/test_passwords.py has the claims about it.
_QUICK_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_lines_are_written: list[bool] = []


@contextmanager
def lines_written() -> Iterator[None]:
    """Let servers in threads write their log lines, as a command does, in place of keeping the entries."""
    _lines_are_written.append(True)
    try:
        yield
    finally:
        _lines_are_written.pop()


@contextmanager
def _captured_log() -> Iterator[list[MutableMapping[str, Any]]]:
    if _lines_are_written:
        yield []
    else:
        with structlog.testing.capture_logs() as log:
            yield log


class _Reloading(asyncio.Event):
    """Counts how often the server waited: once at its start, and once more when it has applied settings."""

    waits = 0

    async def wait(self) -> Literal[True]:
        self.waits += 1
        return await super().wait()


@contextmanager
def in_thread(
    store: StoreLocation,
    *,
    strict_order: bool = False,
    public: str = "",
    settings: FigureSettings = FigureSettings(),  # noqa: B008  frozen
    keep_days: float | None = None,
    mirrors: Mapping[str, Path] = MappingProxyType({}),
    trusted_proxies: Sequence[Network] = (),
    status: Listen | None = None,
    teams: Sequence[TeamSettings] = (),
    relays: Sequence[RelayAddress] = (),
    port: int = 0,
    sign_in: SignInSettings = SignInSettings(),  # noqa: B008  frozen
    trusted_ci: Sequence[TrustedCi] = (),
) -> Iterator[Receiver]:
    address: list[str] = []
    ready, loops, stops = threading.Event(), [], []
    faults: list[BaseException] = []
    reloading: list[_Reloading] = []
    given: list[DoraSettings | Exception] = []
    waiting: queue.SimpleQueue[DoraSettings | Exception] = queue.SimpleQueue()

    def next_settings() -> DoraSettings:
        one = waiting.get_nowait()
        if isinstance(one, Exception):
            raise one
        return one

    def reload(one: DoraSettings | Exception) -> None:
        given.append(one)
        waiting.put(one)
        loops[0].call_soon_threadsafe(reloading[0].set)
        ends = time.monotonic() + 60
        while reloading[0].waits <= len(given):
            assert time.monotonic() < ends, "the server did not apply its settings"
            time.sleep(0.01)

    def listening(url: str) -> None:
        address.append(url)
        ready.set()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        stops.append(asyncio.Event())
        reloading.append(_Reloading())
        await serve(
            listen=Listen("127.0.0.1", port),
            store=store,
            strict_order=strict_order,
            ready=listening,
            stop=stops[0],
            public=public,
            status=status,
            status_hosts=["dora.internal"],
            keep_days=keep_days,
            settings=replace(
                settings_of(settings, mirrors, trusted_proxies, sign_in),
                teams=tuple(teams),
                relay=tuple(relays),
                trusted_ci=tuple(trusted_ci),
            ),
            reload=next_settings,
            reloading=reloading[0],
        )

    def body() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            faults.append(error)
        ready.set()

    with (
        _captured_log() as log,
        patch.object(passwords, "_HASHER", _QUICK_HASHER),
        # A busy machine would answer without the newest events, and say so.
        patch.object(worker, "WAIT_SECONDS", 60.0),
    ):
        thread = threading.Thread(target=body)
        thread.start()
        ready.wait(60)
        if not address:
            thread.join()
            raise faults[0]
        try:
            yield Receiver(address[0], store, reload, log, f"http://{status}" if status else "")
        finally:
            loops[0].call_soon_threadsafe(stops[0].set)
            thread.join(60)
            assert not thread.is_alive(), "the server did not stop"
            assert not faults, faults


def settings_of(
    settings: FigureSettings,
    mirrors: Mapping[str, Path] = MappingProxyType({}),
    proxies: Sequence[Network] = (),
    sign_in: SignInSettings = SignInSettings(),  # noqa: B008  frozen
) -> DoraSettings:
    """Return the settings of `dora` in gitdailies.yml."""
    return DoraSettings(
        window_hours=settings.window / timedelta(hours=1),
        timezone=settings.timezone,
        production=settings.production,
        count_same_commit=settings.count_same_commit,
        deploys=DeploySettings(settings.hotfix),
        mirrors=mirrors,
        trusted_proxies=tuple(proxies),
        repositories=settings.renames,
        sign_in=sign_in,
    )


def at(address: str) -> Database:
    """Return the database of a `--store` address."""
    return database_of(StoreSetting.parse(address, Path.cwd()))


@contextmanager
def in_process(store: str, *options: str) -> Iterator[tuple[Receiver, subprocess.Popen[str]]]:
    script = Path(__file__).with_name("serve_store.py")
    process = subprocess.Popen(
        [sys.executable, str(script), store, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Receiver(process.stdout.readline().strip(), at(store)), process
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
