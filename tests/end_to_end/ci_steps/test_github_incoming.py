"""The packaged Action under act against a running the DORA server: the events that it stores."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.github_action.acting import REPOSITORY, act

HEAD = "b7d3e9f0a1c25846d9e8f7061524334251607f8e"
MERGED = "9e8d7c6b5a49382716050f1e2d3c4b5a69788796"


@dataclass(frozen=True)
class Incoming:
    """A running the DORA server with a key to send and one to read."""

    url: str
    key: str
    reader: str

    def events(self) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            self.url.replace("/webhooks", "/api/events"), headers={"webhook-key": self.reader}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            events: list[dict[str, Any]] = json.load(response)["events"]
            return events


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incoming]:
    folder = tmp_path_factory.mktemp("incoming")
    store = f"sqlite:{folder}/dora.db"

    def key(name: str, *options: str) -> str:
        done = processes.run("keys", "create", name, "--store", store, *options, "--quiet", folder=folder)
        return done.stdout.strip()

    sender, reader = key("action"), key("reader", "--allow", "read")
    with processes.running("dora", "--listen", "127.0.0.1:0", "--store", store, folder=folder) as server:
        yield Incoming(f"{server.address}/webhooks", sender, reader)


def new(incoming: Incoming, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {json.dumps(event, sort_keys=True) for event in before}
    return [event for event in incoming.events() if json.dumps(event, sort_keys=True) not in known]


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        ("push", None, {"branch": "main", "environment": "production"}),
        # Another environment, since both check out the same commit and act runs are all numbered 1.
        ("push", "tag", {"environment": "staging"}),
        ("pull_request", "pull_request", {"commitSHA": HEAD, "branch": "retry-cards"}),
        ("pull_request", "pull_request_merged", {"commitSHA": MERGED, "branch": "main"}),
        ("workflow_run", "workflow_run_success", {"commitSHA": HEAD, "branch": "main"}),
        (
            "deployment_status",
            "deployment_status",
            {"commitSHA": HEAD, "environment": "production-eu", "time": "2026-03-04T08:55:12Z"},
        ),
    ],
    ids=["push", "tag", "pull-request", "merged-pull-request", "workflow-run", "deployment-status"],
)
def test_counted(
    event: str, payload: str | None, expected: dict[str, Any], incoming: Incoming, tmp_path: Path
) -> None:
    """Each event is counted as one deploy, with the fields that were deployed."""
    before = incoming.events()
    variables = {"environment": expected["environment"]} if event == "push" else {}
    run = act(
        tmp_path, "deploy", event=event, payload=payload, key=incoming.key, url=incoming.url, **variables
    )

    assert run.report["outcome"] == "reported", run.log
    [counted] = new(incoming, before)
    wanted = {"kind": "deployed", "repo": REPOSITORY, "commitSHA": run.sha, **expected}
    assert {name: counted.get(name) for name in wanted} == wanted
    assert "branch" in wanted or "branch" not in counted
    assert incoming.key not in run.log


def test_run_again(incoming: Incoming, tmp_path: Path) -> None:
    """A job that is run again is counted once, and says so."""
    first = act(
        tmp_path / "first",
        "deploy",
        event="workflow_run",
        payload="workflow_run_success",
        key=incoming.key,
        url=incoming.url,
        environment="again",
    )
    before = incoming.events()
    second = act(
        tmp_path / "second",
        "deploy",
        event="workflow_run",
        payload="workflow_run_success",
        key=incoming.key,
        url=incoming.url,
        environment="again",
    )

    assert (first.report["ok"], second.report["ok"]) == ("true", "true"), second.log
    assert new(incoming, before) == []
    assert "which was counted already" not in first.log
    assert "which was counted already" in second.log


def test_two_services(incoming: Incoming, tmp_path: Path) -> None:
    """A matrix of two services is counted as two deploys."""
    before = incoming.events()
    run = act(tmp_path, "matrix", key=incoming.key, url=incoming.url)

    assert run.code == 0, run.log
    assert sorted(event["service"] for event in new(incoming, before)) == ["api", "worker"]


def test_a_key_that_may_not_send(incoming: Incoming, tmp_path: Path) -> None:
    """A key without the right to send is refused too, with its own status."""
    run = act(tmp_path, "deploy", key=incoming.reader, url=incoming.url)

    assert (run.code, run.report["http-status"]) == (0, "403"), run.log
    assert [level for level, _ in run.annotations if level != "notice"] == ["warning"]
    assert incoming.reader not in run.log
