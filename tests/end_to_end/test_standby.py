"""Both servers on a PostgreSQL that becomes a standby, as after a failover that an address did not follow."""

from pathlib import Path

import psycopg
import pytest
import requests

from tests.campaign.cluster import Cluster, cluster
from tests.support.dora.payloads import body
from tests.support.machine import command
from tests.support.processes import eventually, run, running
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure


def demote(server: Cluster) -> None:
    """Start it again as a standby that follows no primary."""
    server.stop()
    (server.folder / "data/standby.signal").touch()
    server.start()


@pytest.mark.long
def test_both_go_on_once_it_can_be_written(tmp_path: Path) -> None:
    """On a standby they refuse, and say that they are not ready; a start is refused. Then they go on."""
    with cluster() as server:
        create = ("keys", "create", "all", "--store", server.url, "--allow", "send")
        key = run(*create, "--quiet", folder=tmp_path).stdout.strip()
        with running("dora", "--listen", "127.0.0.1:0", "--store", server.url, folder=tmp_path) as dora:
            file = configure(tmp_path, url=f"{dora.address}/webhooks", key=key, store=server.url)
            with running("relay", "--config", str(file), folder=tmp_path) as relay:

                def taken() -> set[bool]:
                    url, headers = f"{dora.address}/webhooks", {"webhook-key": key}
                    answers = [
                        requests.post(url, json=body("deploy", id="d-1"), headers=headers, timeout=30),
                        pagerduty("incident.triggered", "Q1").post(relay.address),
                        *(requests.get(f"{one.address}/readyz", timeout=30) for one in (dora, relay)),
                    ]
                    assert {one.status_code for one in answers} <= {200, 202, 503}
                    return {one.ok for one in answers}

                eventually(lambda: taken() == {True})
                demote(server)
                eventually(lambda: taken() == {False})
                refused = command("dora", "--listen", "127.0.0.1:0", "--store", server.url, cwd=tmp_path)
                assert (refused.returncode, "got a standby" in refused.stderr) == (2, True)
                with psycopg.connect(server.url, autocommit=True) as connection:
                    connection.execute("SELECT pg_promote()")
                eventually(lambda: taken() == {True})
