"""The servers for tests of commands: incoming webhooks in a process of their own, and a receiver."""

import os

import pytest

from tests.support.empty_stores import WEBHOOKS
from tests.support.machine import Process, Receiver, command, get
from tests.support.servers import free_port

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


class Webhooks:
    """Incoming webhooks in a process of their own, with a key to send and one to read."""

    def __init__(self, folder):
        self.folder = folder
        self.store = f"sqlite:{folder}/webhooks.db"
        WEBHOOKS.put(folder / "webhooks.db")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/webhooks"
        self.key = self.new_key("sender")
        self._reader = self.new_key("reader", "--allow", "read")
        self._events = f"http://127.0.0.1:{port}/api/events"
        self.process = Process(folder, "webhooks", "--listen", f"127.0.0.1:{port}", "--store", self.store)
        self.process.wait_for("listen on")

    def new_key(self, name, *more):
        made = command("keys", "create", name, "--store", self.store, "--quiet", *more, cwd=self.folder)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    @property
    def events(self):
        return get(self._events, self._reader)["events"]


@pytest.fixture(scope="session")
def webhooks(tmp_path_factory):
    running = Webhooks(tmp_path_factory.mktemp("webhooks"))
    yield running
    running.process.stop()


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def run(tmp_path):
    """Run a command in an empty folder, with nothing of a CI platform around it."""

    def run_here(*arguments, **env):
        return command(*arguments, cwd=tmp_path, env={"PATH": os.environ["PATH"], **env})

    return run_here
