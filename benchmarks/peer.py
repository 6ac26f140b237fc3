"""The durable peer: a simple Flask handler that verifies, appends and syncs.

gunicorn runs it with threads, so that one delivery's disk access does not delay the next delivery.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from pathlib import Path

from flask import Flask, request

app = Flask(__name__)
_SECRET = os.environ["PAGERDUTY_SECRET"].encode()
_FILE = os.open(Path(os.environ["PEER_FILE"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_WRITING = threading.Lock()


@app.post("/hooks/pagerduty")
def take() -> tuple[dict[str, str], int]:
    body = request.get_data()
    expected = "v1=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-pagerduty-signature", "")):
        return {"status": "refused"}, 401
    incident = request.get_json()["event"]["data"]["id"]
    line = f"{incident} ".encode() + body + b"\n"
    with _WRITING:
        os.write(_FILE, line)
        os.fdatasync(_FILE)
    return {"status": "stored"}, 202
