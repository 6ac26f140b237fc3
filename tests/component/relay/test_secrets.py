"""Planted secrets: in what the relay writes, answers and shows, none of them is found."""

import contextlib
import sqlite3
import time
from functools import partial
from pathlib import Path

import requests

from tests.support.processes import eventually, run, running
from tests.support.relay.deliveries import SECRETS, TOKEN_HEADER, Delivery, datadog, pagerduty, signed
from tests.support.relay.receiver import Arrival, Receiver, answer
from tests.support.relay.running import configure, in_thread

CONFIG = "gitdailies.yml"
KEY = "gdk_plantedPlantedPlantedPlanted4f2c"
PLANTED = (KEY, *SECRETS.values())


def echo(one: Arrival) -> bytes:
    """Answer as a careless receiver does: with the key it was sent."""
    statuses = {"Q-400": "400 X", "Q-500": "500 X", "Q-302": "302 X", "Q-reason": f"500 {KEY}"}
    status = statuses.get(one.event["incidentId"], "202 X")
    text = f'{{"detail": "key {one.key} of {one.event["incidentId"]}"}}'.encode()
    return answer(status, text, Content_Type="application/json", Location=f"http://h/{KEY}?{KEY}")


def found(text: str | bytes) -> list[str]:
    """Name the secrets that a text contains, whole or in part."""
    raw = text.encode() if isinstance(text, str) else text
    return [secret for secret in PLANTED if secret[4:].encode() in raw]


def dump(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump())


def test_a_planted_secret_is_nowhere(tmp_path: Path, receiver: Receiver) -> None:
    """No log, answer, metric, status, explain, list, store or argument of the process holds a secret."""
    receiver.script = echo
    configure(tmp_path, url=receiver.url, key=KEY)
    texts: dict[str, bytes] = {}
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        url = server.address
        # The redirect last: it pauses the rest.
        for name in ("Q-202", "Q-400", "Q-500", "Q-reason", "Q-302"):
            answer = pagerduty("incident.triggered", name).post(url)
            texts[f"answer {name}"] = answer.content + repr(answer.headers).encode()
            eventually(partial(receiver.of, name))
        right = pagerduty("incident.triggered", "Q-wrong")
        posts = [
            signed(b"{}"),
            signed(b"{"),
            datadog("monitor-triggered"),
            datadog("monitor-triggered", service="attic"),
            # A secret in the wrong place: as the token of another source, half of it, in the address.
            Delivery("datadog", right.body, {TOKEN_HEADER: SECRETS["squadcast-token"]}),
            Delivery("datadog", right.body, {TOKEN_HEADER: SECRETS["datadog-token"][:-1]}),
            Delivery(f"datadog?token={SECRETS['datadog-token']}", right.body, {}),
            Delivery(SECRETS["datadog-token"], right.body, {}),
        ]
        for number, post in enumerate(posts):
            answer = post.post(url)
            texts[f"answer {number}"] = answer.content + repr(answer.headers).encode()
        status = server.entries("relay started")[0]["status"]
        eventually(lambda: server.entries("dead letter"))
        (tmp_path / "pagerduty-secret").chmod(0o000)
        server.reload()
        (tmp_path / "webhook-key").write_text("a key\x00with " + KEY)
        time.sleep(0.5)
        for path in ("status", "metrics", "healthz", "readyz"):
            texts[path] = requests.get(f"http://{status}/{path}", timeout=30).content
        process = Path(f"/proc/{server.process.pid}")
        texts["arguments"] = (process / "cmdline").read_bytes()
        (tmp_path / "pagerduty-secret").chmod(0o600)
        for verb in (
            ("status",),
            ("failed",),
            ("explain", "Q-400"),
            ("explain", "Q-500"),
            ("replay", "--all"),
        ):
            for form in ((), ("--json",)):
                done = run("relay", *verb, *form, "--config", CONFIG, folder=tmp_path)
                texts[" ".join(verb + form)] = (done.stdout + done.stderr).encode()
    texts["log"] = server.output.read_bytes()
    texts["store"] = dump(tmp_path / "relay.db").encode()
    texts["files"] = b"".join(path.read_bytes() for path in tmp_path.glob("relay.db*"))

    assert {name: found(text) for name, text in texts.items() if found(text)} == {}
    assert b"***" in texts["log"] + texts["files"], "no receiver's words were logged: the test proves nothing"
    assert {one.key for one in receiver.arrivals} == {KEY}


def test_what_came_from_outside_forges_no_line_of_the_log_and_no_body_is_in_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    """A vendor's text about incidents is in the store alone, and its other words are escaped.

    Line ends and escape codes in them stay inside one JSON entry.
    """
    configure(tmp_path, url=receiver.url)
    evil = 'x"}\n{"event": "forged", "level": "info"}\x1b[2J\x9b\u2028\u202e'
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        for title in ("planted-title", 'planted\n{"event": "forged"}'):
            pagerduty("incident.triggered", "Q1", title=title).post(server.address)
        signed(b'{"event": {"id": "planted-id"}}').post(server.address)
        signed(b"planted-no-json").post(server.address)
        eventually(receiver.taken)
        pagerduty(f"incident.{evil}", "Q1").post(server.address)
        pagerduty("incident.triggered", "Q2", service=evil).post(server.address)
        Delivery(f"pagerduty/{evil}", b"", {}).post(server.address)
    text = server.output.read_bytes()
    assert b"planted" not in text
    assert not any((byte < 32 and byte != 10) or byte > 126 for byte in text)
    assert server.entries("forged") == []
    assert len(server.entries("delivery")) == 6


def test_a_rotated_file_is_used_without_a_reload(tmp_path: Path) -> None:
    """After a secret manager wrote the file anew, the first delivery that is signed with it is accepted."""
    file = configure(tmp_path)
    body = pagerduty("incident.triggered", "Q1").body
    with in_thread(file) as relay:
        assert signed(body).post(relay.url).status_code == 202
        (tmp_path / "pagerduty-secret").write_text("a-new-secret")
        for _ in range(4):
            assert signed(body, text="a-new-secret").post(relay.url).status_code == 202
        assert [entry["source"] for entry in relay.logged("secrets read again")] == ["pagerduty"]
        # The one of before is used no more, also where nothing comes with the new one.
        assert signed(body).post(relay.url).status_code == 401
        (tmp_path / "pagerduty-secret").write_text("a-third-secret")
        eventually(lambda: signed(body, text="a-new-secret").post(relay.url).status_code == 401)


def test_a_variable_that_is_not_set_says_when_variables_are_read(tmp_path: Path, receiver: Receiver) -> None:
    """A reload that names a new variable fails with the remedy; the check of a start does not speak of it."""
    file = configure(tmp_path, url=receiver.url, key=KEY)
    with in_thread(file) as relay:
        text = file.read_text()
        file.write_text(
            text.replace("{file: pagerduty-secret}", "{file: pagerduty-secret}, {env: NEW_SECRET}", 1)
        )
        assert file.read_text() != text
        relay.reload()
        (entry,) = eventually(lambda: relay.logged("configuration not reloaded"))
    ended = run("relay", "--config", CONFIG, folder=tmp_path, expected=2)

    assert entry["reason"] == (
        "env NEW_SECRET: this variable is not set; a running relay has the variables of its start: "
        "restart it, or use {file: PATH}"
    )
    assert "env NEW_SECRET: this variable is not set" in ended.stderr
    assert "running relay" not in ended.stderr
