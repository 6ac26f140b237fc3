"""A key goes in by one header and comes out nowhere."""

import json
from pathlib import Path

import pytest
import requests

from tests.component.dora.test_keyless import DEPLOY, send
from tests.component.dora.test_pages_security import MANAGE
from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread
from tests.support.dora.visitor import owner_of
from tests.support.keyless.issuer import AUDIENCE, issuers, token, trusted


def test_a_key_comes_out_nowhere(tmp_path: Path, log_lines: pytest.CaptureFixture[str]) -> None:
    """A key put by mistake wherever one can put it is in no answer, no log line and no store file."""
    answers: list[requests.Response] = []
    with in_thread(tmp_path / "w.db") as receiver:
        key, owner = receiver.key("ci", "send", "read", "delete"), owner_of(receiver)
        small = receiver.key("small", "read")
        answers += [
            receiver.post(key, body("deploy")),
            receiver.post(key, b"", "/webhooks/ping"),
            receiver.post(key + "x", body("deploy")),
            receiver.post(small, body("deploy")),
            receiver.post(key, body("deploy", id="a"), f"/webhooks?key={key}"),
            receiver.post(key, body("deploy", id="a"), f"/webhooks?{key}"),
            receiver.post(key, b"", f"/webhooks/{key}"),
            receiver.post(key, body("deploy", id="a"), Idempotency_Key=key),
            receiver.post(key, body("deploy", kind=key)),
            receiver.post(key, body("deploy", repo=key)),
            receiver.post(key, [body("deploy", time="at the time of " + key)]),
            receiver.post(key, json.dumps({key: 1, "kind": "deployed"}).encode()),
            receiver.post(key, f'{{"{key}": 1, "{key}": 2}}'.encode()),
            receiver.post(key, b"{}", Content_Type=key),
            receiver.post(key, b"{}", Content_Encoding=key),
            *(of_pages := [owner.get(path) for path in (f"/events?q={key}", f"/{key}", f"/join/{key}")]),
            receiver.get(key),
            receiver.post(small, b"", "/webhooks/ping", authorization=f"Bearer {key}"),
            receiver.post(small, b"", "/webhooks/ping", authorization=f"Bearer {key}x"),
            receiver.get(key, "/openapi.json"),
            receiver.get(key, f"/api/events?limit={key}"),
            receiver.delete(key, key),
        ]
    assert [answer.status_code for answer in of_pages] == [400, 404, 410]
    written = log_lines.readouterr()
    part = key[:20]
    assert [a.request.url for a in answers if part in a.text or part in str(a.headers)] == []
    assert part not in written.err + written.out
    assert [file.name for file in tmp_path.iterdir() if key.encode() in file.read_bytes()] == []


def test_a_token_comes_out_nowhere(tmp_path: Path, log_lines: pytest.CaptureFixture[str]) -> None:
    """A token put by mistake wherever one can put it is in no answer, no log line and no store file."""
    with (
        issuers("github") as states,
        in_thread(
            tmp_path / "w.db",
            public=AUDIENCE,
            trusted_ci=[trusted("github", states["github"].issuer)],
        ) as receiver,
    ):
        bearer = token("github", states["github"].issuer)
        owner = owner_of(receiver)
        answers = [
            send(receiver, bearer),
            send(receiver, bearer[:-3]),
            send(receiver, bearer + ".x"),
            send(receiver, bearer, path=f"/webhooks?token={bearer}"),
            send(receiver, bearer, path=f"/webhooks?{bearer}"),
            send(receiver, bearer, path=f"/webhooks/{bearer}"),
            send(receiver, bearer, {**DEPLOY, "repo": bearer}),
            send(receiver, bearer, {**DEPLOY, "environment": bearer[:200]}),
            send(receiver, bearer, {**DEPLOY, "time": bearer}),
            send(receiver, bearer, **{"idempotency-key": bearer}),
            receiver.post(bearer, {**DEPLOY, "repo": "x"}),
            receiver.get(bearer),
            send(receiver, token("github", states["github"].issuer, {"aud": bearer})),
            owner.get(f"{MANAGE}/keys/1"),
            owner.get("/deliveries/refused"),
        ]
    written = log_lines.readouterr()
    for part in bearer.split("."):
        assert [a.request.url for a in answers if part[:24] in a.text or part[:24] in str(a.headers)] == []
        assert part[:24] not in written.err + written.out
        assert [f.name for f in tmp_path.iterdir() if part[:24].encode() in f.read_bytes()] == []
