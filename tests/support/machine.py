"""Real processes of the command, on free ports and in a folder of their own."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress

from tests.support.processes import ended
from tests.support.servers import answer, serving


def command(*arguments, cwd, env=None):
    """Run `gitdailies` to its end and return what it printed."""
    return ended(*map(str, arguments), folder=cwd, environ=environment(env))


def environment(more=None):
    """The environment of this process without what a CI platform or a user set in it."""
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ
    }
    return {**inherited, **(more or {})}


def on_terminal(folder, *arguments, until, env=None):
    """Run `gitdailies` on a terminal until *until* is true of its screen. Press Ctrl-C; return the screen."""
    person, child = pty.openpty()
    shown = subprocess.Popen(
        [sys.executable, "-m", "gitdailies_cli", *map(str, arguments)],
        cwd=folder,
        env=environment(env),
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    screen = ""
    while not until(screen):
        screen += os.read(person, 4096).decode()
    shown.send_signal(signal.SIGINT)
    with suppress(OSError):
        while part := os.read(person, 4096).decode():
            screen += part
    assert shown.wait(30) == 0
    os.close(person)
    return screen


class Process:
    """A running `gitdailies`; its output goes to files, so that no pipe can fill."""

    def __init__(self, folder, *arguments, env=None, name="process"):
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gitdailies_cli", *map(str, arguments)],
                cwd=folder,
                env=environment(env),
                stdout=out,
                stderr=err,
            )

    def wait_for(self, text, seconds=60):
        """Wait until *text* was printed; fail with what was printed instead."""
        for _ in range(int(seconds * 50)):
            if text in self.out.read_text():
                return self.out.read_text()
            assert self._process.poll() is None, self.err.read_text()
            time.sleep(0.02)
        raise AssertionError(f"{text!r} was not printed; {self.out.read_text()}{self.err.read_text()}")

    def stop(self, number=signal.SIGINT, seconds=30):
        """Send a signal and return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(seconds)

    def hang_up(self, *texts):
        """Send SIGHUP, and wait until each of *texts* was printed once more than before."""
        before = [self.printed.count(text) for text in texts]
        self._process.send_signal(signal.SIGHUP)
        for _ in range(3000):
            if all(self.printed.count(text) > count for text, count in zip(texts, before, strict=True)):
                return
            time.sleep(0.02)
        raise AssertionError(f"{texts!r} were not printed; {self.printed}")

    @property
    def printed(self):
        return self.out.read_text() + self.err.read_text()


class Receiver:
    """A receiver that knows the documented fields alone, and answers 400 to any other."""

    FIELDS = frozenset({"kind", "repo", "branch", "commitSHA", "environment", "time", "incidentId"})

    def __init__(self):
        self.bodies, self.keys, self.status, self.url = [], [], 202, ""

    def reply(self, _connection, request):
        method = request.line.partition(" ")[0]
        if method != "POST":
            return answer("404 X" if method == "GET" else "501 X")
        body = json.loads(request.body)
        self.keys.append(request.headers.get("webhook-key"))
        if not isinstance(body, dict) or set(body) - self.FIELDS:
            return answer("400 X")
        self.bodies.append(body)
        return answer(f"{self.status} X")


@contextmanager
def receiving():
    running = Receiver()
    with serving(running.reply) as server:
        running.url = server.url
        yield running


def get(url, key):
    request = urllib.request.Request(url, headers={"webhook-key": key})
    with urllib.request.urlopen(request, timeout=30) as found:
        return json.load(found)


def post(url, body, headers):
    """POST and return the status and the JSON answer, whatever the status."""
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
