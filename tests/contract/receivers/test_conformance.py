"""`gitdailies conformance`: our receiver has no fault, and every planted one is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from gitdailies_cli.commands.conformance import conformance
from gitdailies_cli.commands.conformance_probes import probes
from gitdailies_cli.main import gitdailies

from tests.support.webhooks.payloads import body
from tests.support.webhooks.running import Receiver

# What a wrong receiver makes of a request: path, body and answer of a right one, to another answer.
Twist = Callable[[str, bytes, int, bytes], tuple[int, bytes]]


def run(url: str, key: str, *options: str) -> Result:
    return CliRunner().invoke(
        conformance, [f"{url}/webhooks", *options], env={"GITDAILIES_WEBHOOK_KEY": key}, standalone_mode=False
    )


def faults(result: Result) -> list[str]:
    return [
        line.split(": ")[0].removeprefix("FAULT  ") for line in result.output.splitlines() if "FAULT" in line
    ]


def test_our_receiver_has_no_fault(receiver: Receiver) -> None:
    """Every probe passes at the receiver of this project, and no real event's repository is touched."""
    key = receiver.key("all", "send", "read")
    result = run(receiver.url, key)
    assert (faults(result), result.exception) == ([], None), result.output
    assert "25 probes: no fault" in result.output
    assert (
        "of the repository gitdailies-conformance/probe stay there, in the environment conformance"
        in result.output
    )
    events = receiver.events(key)
    assert {event["repo"] for event in events} == {"gitdailies-conformance/probe"}
    assert {event["environment"] for event in events} == {"conformance"}
    assert faults(run(receiver.url, key)) == [], "a second run stumbles over what the first one left"


def test_nothing_stays_with_a_key_that_may_delete(receiver: Receiver) -> None:
    """Events of the probes are deleted at the end, and no others."""
    key = receiver.key("all", "send", "read", "delete")
    receiver.post(key, body("deploy"))
    assert "stay there" not in run(receiver.url, key).output
    assert [event["id"] for event in receiver.events(key)] == [body("deploy")["id"]]


def test_only_what_is_documented_is_asked_of_others(receiver: Receiver) -> None:
    """With --receiver documented neither lists nor ids nor ping are asked for."""
    result = run(receiver.url, receiver.key("ci"), "--receiver", "documented", "--json")
    report = json.loads(result.output[result.output.index("{\n") :])
    assert (report["receiver"], len(report["probes"])) == ("documented", 12)
    assert {probe["fault"] for probe in report["probes"]} == {None}


def test_a_missing_key_and_a_missing_receiver_are_usage_and_fault(receiver: Receiver) -> None:
    """Without a key it ends with 2 and names the variable; a receiver that is away is no success."""
    runner = CliRunner()
    result = runner.invoke(gitdailies, ["conformance", receiver.url], env={"GITDAILIES_WEBHOOK_KEY": None})
    assert "env GITDAILIES_WEBHOOK_KEY: this variable is not set" in str(result.exception)
    away = runner.invoke(
        gitdailies, ["conformance", "http://127.0.0.1:9/"], env={"GITDAILIES_WEBHOOK_KEY": "x"}
    )
    assert away.exit_code != 0


def test_the_key_is_in_no_output(receiver: Receiver) -> None:
    """Neither text nor JSON shows the key, with a receiver that repeats it either."""
    key = receiver.key("ci")
    for option in ((), ("--json",)):
        assert key not in run(receiver.url, key, *option).output
    with twisted(receiver, lambda *_: (500, json.dumps({"detail": key}).encode())) as url:
        assert key not in run(url, key).output


def _status(body: bytes, **changes: Any) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps({**value, **changes}).encode() if isinstance(value, dict) else body


PUBLIC = next(probe.body for probe in probes("x") if probe.name == "the public client's body")
PLANTED: dict[str, tuple[Twist, set[str]]] = {
    "takes any key": (
        lambda _p, _b, status, reply: (202, reply) if status == 401 else (status, reply),
        {"no key", "wrong key", "ping with a wrong key"},
    ),
    "breaks on what is not JSON": (
        lambda _p, body, status, reply: (500, b"") if body == b"{" else (status, reply),
        {"not JSON"},
    ),
    "counts a repeat twice": (
        lambda _p, _b, status, reply: (status, reply.replace(b"unchanged", b"created")),
        {"the same again"},
    ),
    "takes other content under an id": (
        lambda _p, _b, status, reply: (202, reply) if status == 409 else (status, reply),
        {"same id, other content"},
    ),
    "refuses fields that it does not know": (
        lambda _p, body, status, reply: (422, reply) if b"x-probe" in body else (status, reply),
        {"unknown field"},
    ),
    "drops unknown fields without a word": (
        lambda _p, _b, status, reply: (status, _status(reply, unknown=[])),
        {"unknown field"},
    ),
    "does not say which field is wrong": (
        lambda _p, _b, status, reply: (
            (status, b'{"error": "bad request"}') if status == 422 else (status, reply)
        ),
        {"unknown kind", "no repository", "repository of one part", "time that is none"},
    ),
    "takes kinds that are none": (
        lambda _p, body, status, reply: (202, reply) if b"exploded" in body else (status, reply),
        {"unknown kind"},
    ),
    "refuses the public client's body": (
        lambda _p, body, status, reply: (422, b"{}") if body == PUBLIC else (status, reply),
        {"the public client's body", "id as Idempotency-Key"},
    ),
    "takes a list whole or not at all": (
        lambda _p, _b, status, reply: (422, reply) if status == 207 else (status, reply),
        {"a list with one fault"},
    ),
    "takes keys in addresses": (
        lambda path, _b, status, reply: (202, reply) if "key=" in path else (status, reply),
        {"key in the address"},
    ),
    "has no bound": (
        lambda _p, _b, status, reply: (202, reply) if status == 413 else (status, reply),
        {"one of 2 MiB"},
    ),
    "has no ping": (
        lambda path, _b, status, reply: (404, b"") if path.endswith("/ping") else (status, reply),
        {"ping", "ping with a wrong key"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(receiver: Receiver, name: str) -> None:
    """A receiver that is wrong in one way fails the probes for that, and the command ends with 1."""
    twist, expected = PLANTED[name]
    with twisted(receiver, twist) as url:
        result = run(url, receiver.key("ci"))
    found = set(faults(result))
    assert expected <= found, result.output
    # What is taken by mistake may spoil what the same answer would have shown; no more than that.
    assert len(found) <= len(expected) + 3, result.output
    assert type(result.exception).__name__ == "Exit" or result.exit_code == 1 or result.return_value == 1


def test_storing_what_was_only_to_be_checked_is_named(receiver: Receiver) -> None:
    """A receiver that stores an event sent with validate=true is found out by sending it."""
    with twisted(receiver, lambda _p, _b, status, reply: (status, reply), ignore=b"validate=true") as url:
        assert {"validate", "sent after validate"} <= set(faults(run(url, receiver.key("ci"))))


@contextmanager
def twisted(receiver: Receiver, twist: Twist, ignore: bytes = b"") -> Iterator[str]:
    """A receiver that passes everything on to a right one, and answers what *twist* makes of it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

        def answer(self, body: bytes) -> None:
            path = self.path.replace(ignore.decode(), "") if ignore else self.path
            compared = ("webhook-key", "content-type", "idempotency-key")
            headers = {name: text for name, text in self.headers.items() if name.lower() in compared}
            right = requests.request(
                self.command, receiver.url + path, data=body, headers=headers, timeout=20
            )
            status, reply = (
                (right.status_code, right.content)
                if self.command == "GET"
                else twist(self.path, body, right.status_code, right.content)
            )
            self.send_response(status)
            self.send_header("content-type", right.headers["content-type"])
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
