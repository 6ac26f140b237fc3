"""The packaged Action, run for real: for each event the delivery, the job's outputs and the log."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.dora.running import in_thread
from tests.support.github_action.acting import HERE, REPOSITORY, Run, act, bodies
from tests.support.keyless.issuer import endpoint, issuers, trusted
from tests.support.servers import answer, free_port, serving

KEY = "planted-a7c4e1-key"
# By the name of an event: it, its payload, and what is reported of it; `commitSHA` null is the run's own.
EVENTS: dict[str, dict[str, Any]] = json.loads((HERE / "events.json").read_text("utf-8"))
# act numbers every run 1.
OF_EVERY_EVENT = {
    "kind": "deployed",
    "repo": REPOSITORY,
    "run": "github-actions:1",
    "reporter": "step/github-actions",
}
TAKEN = answer("202 Accepted", b'{"status": "created"}')


def check(run: Run, *, code: int, ok: str, outcome: str, status: str) -> None:
    """Check what every run must show: exit code, outputs, a summary, and no key in the log."""
    assert run.code == code, run.log
    assert (run.report["ok"], run.report["outcome"], run.report["http-status"]) == (ok, outcome, status), (
        run.log
    )
    assert len(run.summaries) == 1
    assert "**GitDailies**" in run.summaries[0]
    assert KEY not in run.log
    assert KEY not in json.dumps(run.outputs)


def reported(run: Run) -> None:
    check(run, code=0, ok="true", outcome="reported", status="202")
    assert run.summaries[0].startswith("✅")
    assert "GitDailies: reported: deploy of larkspur/checkout-api" in run.log
    assert [level for level, _ in run.annotations if level != "notice"] == []


@pytest.mark.parametrize(
    ("event", "payload", "expected", "note"), [(*one.values(),) for one in EVENTS.values()], ids=EVENTS
)
def test_event(event: str, payload: str | None, expected: dict[str, Any], note: str, tmp_path: Path) -> None:
    """Each event reports the commit, branch and environment that were deployed, once, and says so."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "deploy", event=event, payload=payload, key=KEY, url=server.url)

    reported(run)
    wanted = {**OF_EVERY_EVENT, **expected}
    wanted["commitSHA"] = wanted["commitSHA"] or run.sha
    assert bodies(server.requests) == [wanted]
    [request] = server.requests
    sent = json.loads(request.body)
    assert request.headers["webhook-key"] == KEY
    assert request.headers["idempotency-key"] == sent["id"]
    assert json.loads(run.report["payload"]) == sent
    assert not note or any(note in text for _, text in run.annotations)


def test_commits_are_read_from_the_checkout(tmp_path: Path) -> None:
    """If a push's payload has no commits, they are read from the checkout."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "deploy", key=KEY, url=server.url)

    assert [commit["sha"] for commit in json.loads(server.requests[0].body)["commits"]] == [run.sha]


@pytest.mark.parametrize(
    ("workflow", "event", "payload", "code", "reason"),
    [
        ("deploy", "workflow_run", "workflow_run_failure", 0, "workflow_run did not succeed (failure)"),
        ("after_failure", "push", None, 1, "the job did not succeed (failure)"),
    ],
    ids=["a workflow run before", "the job itself, even with `if: always()`"],
)
def test_what_failed_is_not_reported(
    workflow: str, event: str, payload: str | None, code: int, reason: str, tmp_path: Path
) -> None:
    """Nothing is sent, and the job's output and a note give the reason."""
    with serving(TAKEN) as server:
        run = act(tmp_path, workflow, event=event, payload=payload, key=KEY, url=server.url)

    check(run, code=code, ok="true", outcome="skipped", status="")
    assert run.report["reason"] == reason
    assert ("notice", f"nothing reported: {reason}") in run.annotations
    assert server.requests == []


def test_reusable_workflow(tmp_path: Path) -> None:
    """In a reusable workflow that is given the key the caller's commit is reported."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "caller", key=KEY, url=server.url)

    reported(run)
    assert bodies(server.requests) == [
        {**OF_EVERY_EVENT, "commitSHA": run.sha, "environment": "production", "branch": "main"}
    ]


def test_two_services(tmp_path: Path) -> None:
    """A matrix of two services reports two deploys with ids of their own."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "matrix", key=KEY, url=server.url)

    assert run.code == 0, run.log
    assert sorted(body["service"] for body in bodies(server.requests)) == ["api", "worker"]
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 2


@pytest.mark.parametrize(("strict", "level", "code"), [("false", "warning", 0), ("true", "error", 1)])
def test_missing_key(strict: str, level: str, code: int, tmp_path: Path) -> None:
    """Without a key, as in a fork, one line says what to do. The job fails only with `fail-on-error`."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "deploy", key=None, url=server.url, fail_on_error=strict)

    check(run, code=code, ok="false", outcome="failed", status="")
    [(shown, text)] = [one for one in run.annotations if one[0] != "notice"]
    assert shown == level
    assert "webhook-key: expected a webhook key, got nothing" in text
    assert "forks" in text
    assert server.requests == []


def test_missing_key_in_a_reusable_workflow(tmp_path: Path) -> None:
    """A reusable workflow that is not given the key says that secrets must be passed."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "caller_without_secrets", key=KEY, url=server.url)

    check(run, code=0, ok="false", outcome="failed", status="")
    assert "a reusable workflow only those passed to it" in run.report["reason"]
    assert server.requests == []


@pytest.mark.parametrize(("strict", "level", "code"), [("", "warning", 0), ("true", "error", 1)])
def test_wrong_key(strict: str, level: str, code: int, tmp_path: Path) -> None:
    """A refused key is a warning with the receiver's status and words, never a green silence."""
    refusal = answer("401 Unauthorized", json.dumps({"detail": f"no key {KEY} here"}).encode())
    with serving(refusal) as server:
        run = act(tmp_path, "deploy", key=KEY, url=server.url, fail_on_error=strict)

    check(run, code=code, ok="false", outcome="failed", status="401")
    assert run.summaries[0].startswith("⚠️")
    [(shown, text)] = [one for one in run.annotations if one[0] != "notice"]
    assert shown == level
    assert "the key is refused (answered 401: no key *** here); check webhook-key" in text
    assert len(server.requests) == 1


def test_a_key_that_is_no_secret_is_masked(tmp_path: Path) -> None:
    """A key that the runner does not know for a secret is masked by the Action before anything else."""
    with serving(TAKEN) as server:
        run = act(tmp_path, "key_in_the_open", key=None, url=server.url, open_key=KEY)

    assert server.requests[0].headers["webhook-key"] == KEY
    spoken = [line for line in run.log.splitlines() if "| spoken:" in line]
    assert spoken
    assert all(KEY not in line for line in spoken)


def test_without_a_key(tmp_path: Path) -> None:
    """With `auth: oidc` the packaged Action asks the runner for a token, and the deploy is counted."""
    port, store = free_port(), tmp_path / "w.db"
    with issuers("github") as states, endpoint(states["github"].issuer) as runner:
        url, entry = f"http://127.0.0.1:{port}", trusted("github", states["github"].issuer)
        with in_thread(store, port=port, public=url, trusted_ci=[entry]) as receiver:
            env = {
                "ACTIONS_ID_TOKEN_REQUEST_URL": runner.url,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
            }
            (tmp_path / "with").mkdir()
            run = act(tmp_path / "with", "keyless", key=None, env=env, url=f"{url}/webhooks")
            (tmp_path / "without").mkdir()
            lacking = act(tmp_path / "without", "keyless", key=None, url=f"{url}/webhooks")
            events = receiver.events(receiver.key("reader", "read"))
    reported(run)
    assert [(one["repo"], one["commitSHA"], one["environment"]) for one in events] == [
        (REPOSITORY, run.sha, "production")
    ]
    assert f"audience={url.replace(':', '%3A').replace('/', '%2F')}" in runner.asked[0][1]
    # The runner masks what follows the command, and act shows that as it is.
    shown = [line for line in run.log.splitlines() if runner.made[0] in line]
    assert all("::add-mask::" in line for line in shown), shown
    assert lacking.report["outcome"] == "failed"
    assert "give the job `permissions: {id-token: write, contents: read}`" in lacking.report["reason"]
