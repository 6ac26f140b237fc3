"""Sent events: to a receiver that knows only documented fields, and from a stranger's adapter."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import textwrap
from importlib.resources import files

import pytest

from tests.support.empty_stores import RELAY
from tests.support.machine import Process, Receiver, command, post, until
from tests.support.servers import free_port

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.close()


def configured(folder, receiver, sources, **secrets):
    relay, status = free_port(), free_port()
    RELAY.put(folder / "relay.db")
    (folder / "gitdailies.yml").write_text(
        json.dumps(
            {
                "gitdailies": {"url": receiver.url, "key": {"env": "KEY"}},
                "relay": {
                    "listen": f"127.0.0.1:{relay}",
                    "status": f"127.0.0.1:{status}",
                    "store": "sqlite:relay.db",
                },
                "services": {"*": {"repo": "larkspur/{service}"}},
                "sources": sources,
            }
        )
    )
    return relay, {"KEY": "the-webhook-key", **secrets}


def test_a_documented_receiver_that_refuses_unknown_fields_gets_every_event(tmp_path, receiver):
    """Against a receiver that answers 400 to each field it does not know, start and end arrive."""
    source = {"pagerduty": {"adapter": "pagerduty", "secrets": [{"env": "SECRET"}]}}
    port, env = configured(tmp_path, receiver, source, SECRET="signing-secret")
    relay = Process(tmp_path, "relay", "--config", "gitdailies.yml", env=env)
    relay.wait_for("listens")
    folder = files("gitdailies_pagerduty") / "examples"
    for name in ("incident.triggered.payload.json", "incident.resolved.payload.json"):
        body = (folder / name).read_bytes()
        signature = hmac.new(b"signing-secret", body, hashlib.sha256).hexdigest()
        status, _ = post(
            f"http://127.0.0.1:{port}/hooks/pagerduty", body, {"x-pagerduty-signature": f"v1={signature}"}
        )
        assert status == 202
    until(lambda: len(receiver.bodies) == 2)

    assert [body["kind"] for body in receiver.bodies] == ["incidentStarted", "incidentResolved"]
    assert {body["repo"] for body in receiver.bodies} == {"larkspur/checkout-api"}
    assert set(receiver.keys) == {"the-webhook-key"}
    assert relay.stop() == 0


def test_a_deploy_reaches_a_documented_receiver(tmp_path, receiver):
    """`gitdailies deploy` finds out that a receiver is not ours, and sends only documented fields."""
    sent = command(
        *("deploy", "--url", receiver.url, "--repo", "larkspur/checkout-api", "--sha", SHA),
        *("--environment", "production", "--service", "api"),
        cwd=tmp_path,
        env={"GITDAILIES_WEBHOOK_KEY": "the-webhook-key"},
    )

    assert sent.returncode == 0, sent.stderr
    assert receiver.bodies == [
        {
            "kind": "deployed",
            "repo": "larkspur/checkout-api",
            "commitSHA": SHA,
            "environment": "production",
        }
    ]


ADAPTER = '''
    """The words of an invented vendor."""

    from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
    from gitdailies_core.sources.fields import Fields
    from gitdailies_core.sources.signatures import verify_shared_token


    class Bellwether:
        name = "bellwether"
        table = {"opened": STARTED, "closed": RESOLVED}
        options = {}
        examples = "gitdailies_bellwether"

        def verify(self, request, secrets, settings):
            verify_shared_token(request, secrets, header=settings.header)

        def translate(self, request, options):
            body = Fields(request.json())
            word = body.text("what")
            return (
                Change.make(
                    state=self.table[word],
                    word=word,
                    incident=body.text("bell"),
                    at=body.time("at"),
                    services=[Service(body.text("tower"))],
                ),
            )


    adapter = Bellwether()
'''


def stranger(folder):
    """Install another distribution with an adapter, without changing ours."""
    package = folder / "source" / "gitdailies_bellwether"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(textwrap.dedent(ADAPTER))
    (folder / "source" / "pyproject.toml").write_text(
        textwrap.dedent("""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [project]
            name = "gitdailies-bellwether"
            version = "1"
            [project.entry-points."gitdailies.adapters"]
            bellwether = "gitdailies_bellwether:adapter"
        """)
    )
    target = folder / "installed"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [*pip, "--no-index", "--target", target, folder / "source"],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return target


def test_an_adapter_of_a_stranger_is_served_with_no_change_to_ours(tmp_path, receiver):
    """The adapter of another distribution is found by its entry point, and its incidents arrive."""
    installed = stranger(tmp_path)
    source = {"bells": {"adapter": "bellwether", "secrets": [{"env": "TOKEN"}], "header": "x-relay-token"}}
    port, env = configured(tmp_path, receiver, source, TOKEN="a-long-shared-token")
    relay = Process(
        tmp_path, "relay", "--config", "gitdailies.yml", env={**env, "PYTHONPATH": str(installed)}
    )
    relay.wait_for("listens")
    for what, at in (("opened", "2026-03-04T09:00:00Z"), ("closed", "2026-03-04T09:30:00Z")):
        body = json.dumps({"what": what, "bell": "B7", "at": at, "tower": "north"}).encode()
        status, answer = post(
            f"http://127.0.0.1:{port}/hooks/bells", body, {"x-relay-token": "a-long-shared-token"}
        )
        assert (status, len(answer["events"])) == (202, 1)
    until(lambda: len(receiver.bodies) == 2)

    assert [(b["kind"], b["repo"], b["time"]) for b in receiver.bodies] == [
        ("incidentStarted", "larkspur/north", "2026-03-04T09:00:00Z"),
        ("incidentResolved", "larkspur/north", "2026-03-04T09:30:00Z"),
    ]
    assert relay.stop() == 0
