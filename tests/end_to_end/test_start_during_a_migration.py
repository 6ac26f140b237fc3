"""Servers that start while another process brings the schema of their PostgreSQL up to date."""

import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import psycopg
import pytest
import requests

from tests.support.databases import setting
from tests.support.processes import eventually
from tests.support.relay.running import configure
from tests.support.servers import free_port

SCHEMAS = {"relay": "gitdailies_relay", "dora": "gitdailies_webhooks"}


@pytest.mark.parametrize("server", SCHEMAS)
def test_a_server_is_alive_and_not_ready_until_it_is_over(server: str, tmp_path: Path) -> None:
    """It answers /healthz, says that it migrates, and serves once the other process is done."""
    with setting("postgresql", tables=None) as store, psycopg.connect(store) as other:
        port = free_port()
        other.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(SCHEMAS[server].encode()) + 1,))
        file = configure(tmp_path, store=store)
        file.write_text(file.read_text().replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}"))
        options = {
            "relay": ("--config", str(file)),
            "dora": ("--listen", f"127.0.0.1:{port}", "--store", store),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gitdailies_cli", server, *options[server]],
            cwd=tmp_path,
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:

            def get(path: str) -> requests.Response | None:
                try:
                    return requests.get(f"{url}/{path}", timeout=30)
                except requests.ConnectionError:
                    return None

            alive = eventually(lambda: get("healthz"), 60)
            ready = requests.get(f"{url}/readyz", timeout=30)
            assert (alive.status_code, ready.status_code) == (200, 503)
            assert "migrating" in ready.json()["reason"]
            other.rollback()
            eventually(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 200, 60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
            process.wait()
