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
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.processes import ended


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

    def hang_up(self, *texts, seconds=60):
        """Send SIGHUP, and wait until each of *texts* was printed once more than before."""
        before = [self.printed.count(text) for text in texts]
        self._process.send_signal(signal.SIGHUP)
        for _ in range(int(seconds * 50)):
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

    def __init__(self, status=202):
        self.bodies = []
        self.keys = []
        self.status = status
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.keys.append(self.headers.get("webhook-key"))
                unknown = not isinstance(body, dict) or set(body) - receiver.FIELDS
                if not unknown:
                    receiver.bodies.append(body)
                self.send_response(400 if unknown else receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self):
                self.send_response(404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def get(url, key):
    request = urllib.request.Request(url, headers={"webhook-key": key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def post(url, body, headers):
    """POST and return the status and the JSON answer, whatever the status."""
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def until(condition, seconds=60):
    """Wait until *condition* gives something, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")
