"""Deliveries about deploys and pushes, as GitHub and GitLab send them, with the vendors' proofs."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.relay.deliveries import Delivery, example

SECRETS = {
    "github-secret": "gh-planted-3d1f0c5e",
    "gitlab-secret": "gl-planted-8b7a6d2c",
    "cluster-secret": "cluster-planted-5e2d",
}
# To go on with what a gitdailies.yml has under `sources`.
SOURCES = Path(__file__).parent / "data" / "deploy_sources.yml"
NOTHING = "0" * 40
_numbers = itertools.count(5000)


def add_sources(folder: Path) -> None:
    """Add these sources, and their secrets, to the gitdailies.yml of *folder*."""
    for name, text in SECRETS.items():
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    file = folder / "gitdailies.yml"
    file.write_text(file.read_text().rstrip() + "\n" + SOURCES.read_text())


def minutes_ago(minutes: float) -> datetime:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).replace(microsecond=0)


def github(event: str, body: dict[str, Any]) -> Delivery:
    """Sign a body as GitHub does, under a delivery's name of its own."""
    raw = json.dumps(body).encode()
    signature = hmac.new(SECRETS["github-secret"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": f"delivery-{next(_numbers)}",
        "x-hub-signature-256": f"sha256={signature}",
    }
    return Delivery("github", raw, headers)


def deployment_status(
    repo: str,
    sha: str,
    *,
    run: int = 0,
    attempt: int = 1,
    deployment: int = 0,
    at: datetime | None = None,
    ref: str = "main",
    environment: str = "production",
    transient: bool = False,
    state: str = "success",
    task: str = "deploy",
    workflow: str = ".github/workflows/deploy.yml",
    started: str = "push",
) -> Delivery:
    """Make a `deployment_status`; without *run*, of a deployment that was made by the API."""
    stem = "deployment_status.success.actions" if run else "deployment_status.success.api-made"
    body = json.loads(example("github", stem))
    body["repository"]["full_name"] = repo
    body["deployment"].update(
        id=deployment or next(_numbers),
        sha=sha,
        ref=ref,
        task=task,
        environment=environment,
        transient_environment=transient,
        production_environment=environment == "production",
    )
    moment = (at or minutes_ago(0)).isoformat()
    body["deployment_status"].update(
        state=state, environment=environment, created_at=moment, updated_at=moment
    )
    if run:
        body["workflow_run"].update(id=run, run_attempt=attempt, head_sha=sha, path=workflow, event=started)
        body["workflow"]["path"] = workflow
    return github("deployment_status", body)


def workflow_run(repo: str, sha: str, *, run: int, path: str) -> Delivery:
    """Make a `workflow_run` that ended well, of the workflow in the file *path*."""
    body = json.loads(example("github", "workflow_run.completed.success"))
    body["repository"]["full_name"] = repo
    body["workflow"]["path"] = path
    body["workflow_run"].update(id=run, head_sha=sha, path=path, updated_at=minutes_ago(0).isoformat())
    body["workflow_run"]["head_repository"] = {"full_name": repo}
    return github("workflow_run", body)


def push(
    repo: str,
    before: str,
    commits: Sequence[tuple[str, datetime]],
    *,
    branch: str = "main",
    messages: Sequence[str] = (),
    files: Sequence[str] = (),
) -> Delivery:
    """Make a push of *commits*, oldest first, each with its time, and perhaps a message and a file."""
    body = json.loads(example("github", "push.main"))
    body["repository"].update(full_name=repo, pushed_at=int(commits[-1][1].timestamp()))
    body.update(
        ref=f"refs/heads/{branch}",
        before=before,
        after=commits[-1][0],
        commits=_listed(commits, messages, files),
    )
    return github("push", body)


def _listed(
    commits: Sequence[tuple[str, datetime]], messages: Sequence[str], files: Sequence[str]
) -> list[dict[str, Any]]:
    """Return commits as GitHub and GitLab list them, without the file of each if there are no *files*."""
    texts = messages or ["Weigh parcels"] * len(commits)
    listed: list[dict[str, Any]] = [
        {"id": sha, "timestamp": at.isoformat(), "message": text}
        for (sha, at), text in zip(commits, texts, strict=True)
    ]
    for one, file in zip(listed, files, strict=False):
        one |= {"added": [], "modified": [file], "removed": []}
    return listed


def gitlab_push(
    repo: str,
    before: str,
    commits: Sequence[tuple[str, datetime]],
    *,
    branch: str = "main",
    messages: Sequence[str] = (),
    files: Sequence[str] = (),
) -> Delivery:
    """Make GitLab's hook of the same push."""
    body = json.loads(example("gitlab", "push"))
    body["project"].update(path_with_namespace=repo, web_url=f"https://gitlab.com/{repo}")
    body.update(
        ref=f"refs/heads/{branch}",
        before=before,
        after=commits[-1][0],
        checkout_sha=commits[-1][0],
        total_commits_count=len(commits),
        commits=[{**one, "title": one["message"]} for one in _listed(commits, messages, files)],
    )
    return _of_gitlab("Push Hook", body)


def gitlab(
    name: str,
    repo: str,
    sha: str,
    *,
    job: int,
    pipeline: int,
    at: datetime,
    retries: int = 0,
    before: str = NOTHING,
) -> Delivery:
    """Make a Job hook or a Deployment hook of one job, from GitLab's example *name*.

    *before* is the commit before the push that started the pipeline, *retries* how often the job ran again.
    """
    body = json.loads(example("gitlab", name))
    body["project"].update(path_with_namespace=repo, web_url=f"https://gitlab.com/{repo}")
    if body["object_kind"] == "build":
        moment = at.isoformat()
        body.update(sha=sha, build_id=job, pipeline_id=pipeline)
        body.update(retries_count=retries, before_sha=before)
        body.update(build_finished_at=moment, build_finished_at_iso=moment)
    else:
        moment = at.strftime("%Y-%m-%d %H:%M:%S +0000")
        body.update(deployable_id=job, deployment_id=job + 1, status_changed_at=moment)
        body["commit_url"] = f"https://gitlab.com/{repo}/-/commit/{sha}"
    return _of_gitlab("Job Hook", body)


def _of_gitlab(event: str, body: dict[str, Any]) -> Delivery:
    headers = {
        "content-type": "application/json",
        "x-gitlab-event": event,
        "idempotency-key": f"hook-{next(_numbers)}",
        "x-gitlab-token": SECRETS["gitlab-secret"],
    }
    return Delivery("gitlab", json.dumps(body).encode(), headers)


def flux(repo: str, sha: str, *, at: datetime, name: str = "checkout") -> Delivery:
    """Make what Flux tells of a Kustomization at each interval: the revision that it has."""
    body = json.loads(example("flux", "kustomization.reconciled"))
    body["involvedObject"].update(name=name, uid=f"uid of {repo} {name}")
    body["metadata"].update(repo=repo, revision=f"main@sha1:{sha}")
    body["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    raw = json.dumps(body).encode()
    digest = hmac.new(SECRETS["cluster-secret"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-signature": f"sha256={digest}"}
    return Delivery("flux", raw, headers)


def argocd(repo: str, sha: str, *, history: int, at: datetime, app: str = "checkout") -> Delivery:
    """Make the message of Argo CD's template about a sync of *app* that changed something."""
    body = json.loads(example("argocd", "deploy.succeeded.annotated"))
    body.update(app=app, uid=f"uid of {repo} {app}")
    body["annotations"].update({"gitdailies.com/repo": repo, "gitdailies.com/commit": sha})
    body["finished_at"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    body["history"][-1].update(id=history, revision=f"{history:040x}")
    return _of_cluster("argocd", body)


def _of_cluster(source: str, body: dict[str, Any]) -> Delivery:
    headers = {"content-type": "application/json", "x-relay-token": SECRETS["cluster-secret"]}
    return Delivery(source, json.dumps(body).encode(), headers)
