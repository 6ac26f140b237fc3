"""What the relay is compared with: a server that does nothing, a simple durable one, a simple forwarder.

uvicorn and gunicorn run the servers, by their names `bare` and `durable`.
"""

import hashlib
import hmac
import os
import sqlite3
import sys
import threading
from typing import Any

import requests
from flask import Flask, request

durable = Flask(__name__)
_SECRET = os.environ.get("SECRET", "").encode()
_FILE = os.open(os.environ.get("PEER_FILE", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_WRITING = threading.Lock()


@durable.post("/hooks/pagerduty")
def take() -> tuple[dict[str, str], int]:
    """Check the proof of a delivery, append it to a file, and answer once it is synced."""
    body = request.get_data()
    expected = "v1=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-pagerduty-signature", "")):
        return {"status": "refused"}, 401
    incident = request.get_json()["event"]["data"]["id"]
    with _WRITING:
        os.write(_FILE, f"{incident} ".encode() + body + b"\n")
        os.fdatasync(_FILE)
    return {"status": "stored"}, 202


async def bare(_: Any, receive: Any, send: Any) -> None:
    """Read a body and answer 202."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def forward(store: str, url: str) -> None:
    """Send each row of a queue, one after the other, and delete it once it is accepted."""
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    with requests.Session() as session:
        for number, body in connection.execute("SELECT id, body FROM queue ORDER BY id").fetchall():
            session.post(url, data=body, headers={"webhook-key": "benchmark"}, timeout=10).raise_for_status()
            with connection:
                connection.execute("DELETE FROM queue WHERE id = ?", (number,))


if __name__ == "__main__":
    forward(*sys.argv[1:])
