"""The servers for tests of commands: the DORA server in a process of its own, and a receiver."""

import os

import pytest

from tests.support.empty_stores import DORA
from tests.support.machine import Process, command, get, receiving
from tests.support.servers import free_port

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


class DoraServer:
    """The DORA server in a process of its own, with a key to send and one to read."""

    def __init__(self, folder):
        self.folder = folder
        self.store = f"sqlite:{folder}/dora.db"
        DORA.put(folder / "dora.db")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/webhooks"
        self.key = self.new_key("sender")
        self._reader = self.new_key("reader", "--allow", "read")
        self._events = f"http://127.0.0.1:{port}/api/events"
        self.process = Process(folder, "dora", "--listen", f"127.0.0.1:{port}", "--store", self.store)
        self.process.wait_for("listens on")

    def new_key(self, name, *more):
        made = command("keys", "create", name, "--store", self.store, "--quiet", *more, cwd=self.folder)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    @property
    def events(self):
        return get(self._events, self._reader)["events"]


@pytest.fixture(scope="session")
def dora(tmp_path_factory):
    running = DoraServer(tmp_path_factory.mktemp("dora"))
    yield running
    running.process.stop()


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.fixture
def run(tmp_path):
    """Run a command in an empty folder, with nothing of a CI platform around it."""

    def run_here(*arguments, **env):
        return command(*arguments, cwd=tmp_path, env={"PATH": os.environ["PATH"], **env})

    return run_here
