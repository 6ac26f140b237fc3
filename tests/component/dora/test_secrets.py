"""A key goes in by one header and comes out nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread


def test_a_key_comes_out_nowhere(tmp_path: Path, log_lines: pytest.CaptureFixture[str]) -> None:
    """A key put by mistake wherever one can put it is in no answer, no log line and no store file."""
    answers: list[requests.Response] = []
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("ci", "send", "read", "delete")
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
            receiver.get(key),
            receiver.post(small, b"", "/webhooks/ping", authorization=f"Bearer {key}"),
            receiver.post(small, b"", "/webhooks/ping", authorization=f"Bearer {key}x"),
            receiver.get(key, "/openapi.json"),
            receiver.get(key, f"/api/events?limit={key}"),
            requests.delete(f"{receiver.url}/api/events/{key}", headers={"webhook-key": key}, timeout=30),
        ]
    written = log_lines.readouterr()
    part = key[:20]
    assert [a.request.url for a in answers if part in a.text or part in str(a.headers)] == []
    assert part not in written.err + written.out
    assert [file.name for file in tmp_path.iterdir() if key.encode() in file.read_bytes()] == []
