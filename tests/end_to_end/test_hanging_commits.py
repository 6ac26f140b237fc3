"""Both servers on a PostgreSQL whose synchronous standby is gone, so that no commit ends."""

import re
import time
from pathlib import Path

import psycopg
import pytest
import requests

from tests.campaign.cluster import Cluster, cluster
from tests.support.dora.payloads import body
from tests.support.processes import Server, eventually, run, running
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure
from tests.support.servers import free_port


def stand_by(server: Cluster, name: str) -> None:
    """Make every commit wait for the standby *name*; "" is none."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: connection.execute("SHOW synchronous_standby_names").fetchone() == (name,))


def gauges(url: str) -> tuple[float, float]:
    """Scrape, which does not wait for the commit; return store_failing and commit_waiting_seconds."""
    began = time.monotonic()
    text = requests.get(f"{url}/metrics", timeout=30).text
    assert time.monotonic() - began < 10
    names = ("store_failing", "commit_waiting_seconds")
    failing, waiting = (re.search(rf"^gitdailies_\w+_{name} (\S+)$", text, re.MULTILINE) for name in names)
    assert failing is not None
    assert waiting is not None
    return float(failing[1]), float(waiting[1])


def refused(answer: requests.Response) -> bool:
    return answer.status_code == 503 and bool(answer.headers["retry-after"]) and answer.elapsed.seconds < 5


def ends(server: Server) -> float:
    began = time.monotonic()
    server.terminate()
    return time.monotonic() - began


@pytest.mark.long
def test_it_is_seen_answered_and_survived(tmp_path: Path) -> None:
    """Scrapes, probes and answers say it in seconds, SIGTERM ends both, nothing is lost or doubled."""
    with cluster() as server:
        status = f"127.0.0.1:{free_port()}"
        dora_command = ("dora", "--listen", f"127.0.0.1:{free_port()}", "--store", server.url)
        create = ("keys", "create", "all", "--store", server.url, "--allow", "send", "--allow", "read")
        key = run(*create, "--quiet", folder=tmp_path).stdout.strip()
        with running(*dora_command, "--status", status, folder=tmp_path) as dora:
            file = configure(tmp_path, url=f"{dora.address}/webhooks", key=key, store=server.url)
            with running("relay", "--config", str(file), folder=tmp_path) as relay:
                (started,) = eventually(lambda: relay.entries("relay started"))
                both = (f"http://{started['status']}", f"http://{status}")

                def sent(number: int) -> list[requests.Response]:
                    url, deploy = f"{dora.address}/webhooks", body("deploy", id=f"d-{number}")
                    event = requests.post(url, json=deploy, headers=headers, timeout=30)
                    return [pagerduty("incident.triggered", f"Q{number}").post(relay.address), event]

                headers = {"webhook-key": key}
                assert [one.status_code for one in sent(1)] == [202, 202]
                assert [gauges(url)[0] for url in both] == [0, 0]
                stand_by(server, "gone")
                # Nothing but scrapes comes to them.
                eventually(lambda: all(gauges(url)[0] for url in both), 15)
                assert min(gauges(url)[1] for url in both) > 4
                assert [requests.get(f"{url}/readyz", timeout=30).status_code for url in both] == [503, 503]
                assert all(map(refused, sent(2)))
                assert [gauges(url)[0] for url in both] == [1, 1]
                stand_by(server, "")
                eventually(lambda: all(one.ok for one in sent(2)))
                eventually(lambda: [gauges(url)[0] for url in both] == [0, 0])
                stand_by(server, "gone")
                assert all(map(refused, sent(3)))
                assert max(ends(relay), ends(dora)) < 10
        stand_by(server, "")
        with (
            running(*dora_command, folder=tmp_path) as dora,
            running("relay", "--config", str(file), folder=tmp_path) as relay,
        ):
            # The commit that hung was on the disk of the primary.
            assert all(one.ok for one in sent(3))

            def stored() -> list[str]:
                found = requests.get(f"{dora.address}/api/events", headers=headers, timeout=30).json()
                return sorted(one.get("incidentId", one["id"]) for one in found["events"])

            expected = ["Q1", "Q2", "Q3", "d-1", "d-2", "d-3"]
            assert eventually(lambda: len(found := stored()) >= len(expected) and found) == expected
