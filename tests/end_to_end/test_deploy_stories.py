"""Deploys out of webhooks: GitHub and GitLab, the relay, the DORA server, and the step beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.test_rerun_stories import Story as StepStory
from tests.support.history_fetch.api import Api, listening
from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery
from tests.support.relay.deploys import (
    NOTHING,
    add_sources,
    argo_rollout,
    argocd,
    deployment_status,
    flux,
    gitlab,
    gitlab_push,
    minutes_ago,
    push,
    workflow_run,
)
from tests.support.relay.pair import Pair, running_pair
from tests.support.steps import DoraServer

A, B, C, D = "a1" * 20, "b2" * 20, "c3" * 20, "d4" * 20
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        running.relay.terminate()
        add_sources(running.folder)
        running.start_relay()
        yield running


@dataclass(frozen=True)
class Story:
    """Deliveries about one repository, and what the DORA server makes of them."""

    pair: Pair
    repo: str
    steps: StepStory

    def send(self, *deliveries: Delivery, expected: int = 202) -> list[str]:
        """Send deliveries one after the other; return the word of each answer."""
        return [self.pair.post(one, expected)["status"] for one in deliveries]

    def deploy(self, sha: str, minutes: float = 0, **more: Any) -> Delivery:
        return deployment_status(self.repo, sha, at=minutes_ago(minutes), **more)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events of the repository, once the relay has nothing left to deliver."""
        eventually(lambda: self.pair.status()["waiting"] == 0)
        return [event for event in self.pair.everything() if event["repo"] == self.repo]

    @property
    def counted(self) -> tuple[int, int]:
        """Return how many deploys count, and how many of them are rollbacks."""
        eventually(lambda: self.pair.status()["waiting"] == 0)
        return self.steps.counted


@pytest.fixture
def story(pair: Pair, tmp_path: Path) -> Story:
    repo = f"larkspur/webhooks-{next(_numbers)}"
    key = (pair.folder / "webhook-key").read_text().strip()
    receiver = DoraServer(f"http://127.0.0.1:{pair.port}/webhooks", key, pair.reading)
    return Story(pair, repo, StepStory(receiver, tmp_path, repo))


def test_a_job_that_runs_again_is_one_deploy(story: Story) -> None:
    """GitHub makes a deployment for each attempt. The run is the same, and so is the commit."""
    answers = story.send(
        *(story.deploy(A, 9 - attempt, run=1, attempt=attempt) for attempt in (1, 2, 3)),
    )

    assert answers == ["stored"] * 3
    assert story.counted == (1, 0)


def test_a_rollback_by_running_an_old_job_again(story: Story) -> None:
    """Going back to A is a deploy of its own, and a rollback."""
    story.send(
        story.deploy(A, 30, run=1),
        story.deploy(B, 20, run=2),
        story.deploy(A, 10, run=1, attempt=2),
    )

    assert story.counted == (3, 1)


def test_a_redelivery_is_repeated(story: Story) -> None:
    """The same delivery again, and another status of its deployment, are answered with the same event."""
    first = story.deploy(A, 5, run=1, deployment=77001)
    again = story.deploy(A, 4, run=1, deployment=77001)

    assert story.send(first, first, again) == ["stored", "repeated", "repeated"]
    assert story.counted == (1, 0)


def test_a_preview_does_not_count(story: Story) -> None:
    """A transient environment is answered 200 with the reason."""
    answer = story.pair.post(story.deploy(A, transient=True, environment="pr-12"), expected=200)

    assert answer["reasons"] == ["a preview: the environment is transient"]
    assert story.events == []


def test_a_tag_claims_no_branch(story: Story) -> None:
    """A ref that looks like a version counts, and names no branch."""
    story.send(story.deploy(A, ref="v1.4.0"))

    (event,) = story.events
    assert "branch" not in event
    assert story.counted == (1, 0)


def test_two_environments_are_two_events(story: Story) -> None:
    """A commit goes to staging and then to production; production counts it once."""
    story.send(
        story.deploy(A, 20, run=1, environment="staging"),
        story.deploy(A, 10, run=1, environment="production"),
    )

    by_time = sorted(story.events, key=lambda event: str(event["time"]))
    assert [event["environment"] for event in by_time] == ["staging", "production"]
    assert story.counted == (1, 0)


@pytest.mark.parametrize("step_first", [True, False])
def test_a_step_and_a_webhook_of_one_run(step_first: bool, story: Story) -> None:
    """What the step and GitHub's webhook report of one run is one deploy, in either order."""
    for sha, run in ((A, 1), (B, 2)):
        if step_first:
            story.steps.job("github", sha, run=run)
        story.send(story.deploy(sha, run=run))
        assert len(story.events) == 2 * run - (not step_first)
        if not step_first:
            story.steps.job("github", sha, run=run)

    assert story.counted == (2, 0)


@pytest.mark.parametrize("first", ["build.success.production", "deployment.success"])
def test_gitlabs_job_and_deployment_hook_are_one(first: str, story: Story) -> None:
    """Both name the job. The second is a repeat, in either order."""
    hooks = {
        name: gitlab(name, story.repo, A, job=88012, pipeline=44120, at=minutes_ago(3))
        for name in ("build.success.production", "deployment.success")
    }
    (second,) = set(hooks) - {first}

    assert story.send(hooks[first], hooks[second]) == ["stored", "repeated"]
    assert story.counted == (1, 0)


def test_two_workflows_of_a_monorepo_are_two_services(story: Story) -> None:
    """The slower one deploys each commit later. A line of route tells them apart, so nothing went back."""
    told = [(A, "api", 40), (B, "api", 30), (A, "web", 29), (B, "web", 20)]
    sent = [
        story.deploy(sha, minutes, run=run, workflow=f".github/workflows/{name}.yml")
        for run, (sha, name, minutes) in enumerate(told, 1)
    ]
    story.send(*(replace(one, source="monorepo") for one in sent))

    assert [event["service"] for event in story.events] == ["api", "api", "web", "web"]
    assert story.counted == (4, 0)


def test_an_incident_belongs_to_a_deploy_of_an_application_of_another_name(story: Story) -> None:
    """Two applications in two regions are one deploy, whatever Argo CD calls them."""
    story.send(
        argocd(story.repo, A, history=1, at=minutes_ago(60), app="ledger-production-eu"),
        argocd(story.repo, A, history=1, at=minutes_ago(50), app="ledger-production-us"),
    )
    receiver = story.steps.receiver
    started = {"kind": "incidentStarted", "incidentId": "Q1", "repo": story.repo, "service": "ledger",
               "environment": "production", "time": minutes_ago(40).isoformat()}  # fmt: skip
    answer = requests.post(receiver.url, json=started, headers={"webhook-key": receiver.key}, timeout=20)
    assert answer.status_code == 202

    assert [event.get("service") for event in story.events if event["kind"] == "deployed"] == [None, None]
    assert story.counted == (1, 0)
    assert story.pair.figures(story.repo)["changeFailRate"]["unlinked"] == 0


def test_pushes_give_a_deploy_its_commits(story: Story) -> None:
    """Doubled and out of order, they come before the deploy; the event has each commit once, newest first."""
    times = {sha: minutes_ago(60 - number) for number, sha in enumerate((A, B, C, D))}
    earlier = push(story.repo, A, [(B, times[B])])
    later = push(story.repo, B, [(C, times[C]), (D, times[D])])
    story.send(push(story.repo, NOTHING, [(A, times[A])]), expected=200)
    story.send(story.deploy(A, 50, run=1))
    story.send(later, earlier, later, expected=200)
    story.send(story.deploy(D, 5, run=2))

    first, second = story.events
    assert "commits" not in first
    assert [commit["sha"] for commit in second["commits"]] == [D, C, B]
    assert [commit["time"] for commit in second["commits"]] == [
        times[sha].isoformat().replace("+00:00", "Z") for sha in (D, C, B)
    ]


def test_a_push_after_its_deploy_completes_it(story: Story) -> None:
    """Two deploys wait for pushes that come last first, and say so; then each goes once, with its commits."""
    story.send(push(story.repo, NOTHING, [(A, minutes_ago(40))]), expected=200)
    story.send(story.deploy(A, 30, run=1), story.deploy(B, 20, run=2), story.deploy(D, 10, run=3))
    assert [event["commitSHA"] for event in story.events] == [A]
    name = f"{story.repo} production"
    (_, second, _) = story.pair.ask("explain", name)["events"]
    explained = story.pair.command("explain", name)
    assert explained.startswith(f"deploys to {name}\n")
    assert f"waits for its push until {second['dueAt']}" in explained
    assert "waits for its push until" in story.pair.command("show", second["id"])
    assert "2 deploys held for late pushes" in story.pair.command("status")

    later = push(story.repo, B, [(C, minutes_ago(16)), (D, minutes_ago(15))])
    story.send(later, push(story.repo, A, [(B, minutes_ago(25))]), later, expected=200)

    eventually(lambda: len(story.events) == 3)
    first, second, third = story.events
    assert "commits" not in first
    assert [commit["sha"] for commit in second["commits"]] == [B]
    assert [commit["sha"] for commit in third["commits"]] == [D, C]
    assert story.counted == (3, 0)


def test_a_gap_is_explained(story: Story) -> None:
    """A push that lists fewer commits than it brought leads nowhere: the deploy goes without, and says so."""
    story.send(story.deploy(A, 30, run=1), story.deploy(B, 20, run=2))
    story.send(push(story.repo, NOTHING, [(D, minutes_ago(15))]), expected=200)
    story.send(story.deploy(D, 10, run=3))

    assert [event.get("commits") for event in story.events] == [None] * 3
    timeline = story.pair.ask("explain", f"{story.repo} production")
    assert [one["reason"] for one in timeline["deliveries"]] == [
        "no commits: no deploy before it is known at its place",
        "no commits: no push of its commit came",
        f"no commits: the pushes that came do not lead back to {B[:12]}, deployed before",
    ]


def test_a_push_alone_stores_no_body(story: Story) -> None:
    """It is remembered. No route names it, and nothing is stored to be replayed."""
    delivery = push(story.repo, NOTHING, [(A, minutes_ago(1))])
    answer = story.pair.post(delivery, expected=200)

    assert answer["reasons"][0] == "pushed: a push makes no event; its commits are remembered"
    assert story.pair.ask("show", answer["delivery"])["stored"] is None
    assert story.events == []


def test_a_deploy_is_replayed_after_a_route_was_added(story: Story) -> None:
    """A workflow that no route names is stored; once a line names it, a replay counts it, once."""
    name = story.repo.rpartition("/")[2]
    answer = story.pair.post(
        workflow_run(story.repo, A, run=1, path=f".github/workflows/{name}.yml"), expected=200
    )
    assert answer["reasons"] == [f"no route names '{name}.yml'"]

    file = story.pair.folder / "gitdailies.yml"
    line = "github: {adapter: github, "
    before = file.read_text()
    file.write_text(before.replace(line, f"{line}route: {{{name}.yml: {{environment: production}}}}, "))
    try:
        story.pair.command("replay", "--id", answer["delivery"], "--filtered")
        # There is nothing left to replay.
        story.pair.command("replay", "--id", answer["delivery"], "--filtered", expected=2)
    finally:
        file.write_text(before)

    assert story.counted == (1, 0)


def test_acting_on_a_deploy(story: Story) -> None:
    """A deploy can be shown and explained by repository, delivery and event, and sent again."""
    delivery = story.pair.post(story.deploy(A, 5, run=1))
    (event,) = delivery["events"]
    assert [one["id"] for one in story.events] == [event]
    for name in (f"{story.repo} production", delivery["delivery"], event):
        assert event in story.pair.command("explain", name)
    assert story.repo in story.pair.command("show", delivery["delivery"])
    assert event not in story.pair.command("failed")

    story.pair.command("replay", "--id", event, "--delivered")

    assert story.counted == (1, 0)


def test_flux_goes_back_to_an_old_revision(story: Story) -> None:
    """A revision that is told again is one deploy. One that comes back is another, and a rollback."""
    told = [(A, 60), (A, 50), (B, 40), (B, 30), (A, 20), (A, 10)]
    sent = [flux(story.repo, sha, at=minutes_ago(minutes)) for sha, minutes in told]
    answers = story.send(*sent)

    assert answers == ["stored", "repeated", "stored", "repeated", "stored", "repeated"]
    assert [event["commitSHA"] for event in story.events] == [A, B, A]
    assert story.counted == (3, 1)
    # What Flux sends again is a repeat, also of the time before it went back.
    assert set(story.send(*sent)) == {"repeated"}
    assert story.counted == (3, 1)


def test_a_late_message_of_flux_is_no_way_back(story: Story) -> None:
    """It is older than the deploy of the other revision. Two objects do not disturb one another."""
    story.send(flux(story.repo, A, at=minutes_ago(60)), flux(story.repo, B, at=minutes_ago(40)))
    late = flux(story.repo, A, at=minutes_ago(50))
    other = [flux(story.repo, A, at=minutes_ago(minutes), name="jobs") for minutes in (58, 35, 25)]

    assert story.send(late, *other) == ["repeated", "stored", "repeated", "repeated"]
    assert len(story.events) == 3


@pytest.mark.parametrize("vendor", [argocd, argo_rollout])
def test_a_cluster_goes_back(vendor: Any, story: Story) -> None:
    """Argo CD and Argo Rollouts number each deploy, so going back to A is one more, and a rollback."""
    number = "history" if vendor is argocd else "generation"
    sent = [
        vendor(story.repo, sha, at=minutes_ago(30 - 10 * index), **{number: 40 + index})
        for index, sha in enumerate((A, B, A))
    ]

    assert story.send(*sent) == ["stored"] * 3
    assert story.send(*sent) == ["repeated"] * 3
    assert story.counted == (3, 1)


@pytest.mark.parametrize("fetched_first", [False, True])
@pytest.mark.parametrize("vendor", ["github", "gitlab"])
def test_a_fetch_of_what_webhooks_told(vendor: str, fetched_first: bool, story: Story) -> None:
    """Deploys of the past that a webhook told, too, count once, in either order.

    GitHub's have the same id, so the commits of a webhook that came first stay. A fetch knows none.
    """
    times = {sha: minutes_ago(60 - number) for number, sha in enumerate((A, B, C))}
    deployed = {A: minutes_ago(50), C: minutes_ago(40)}

    def dora() -> None:
        told = push if vendor == "github" else gitlab_push
        story.send(told(story.repo, NOTHING, [(A, times[A])]), expected=200)
        story.send(told(story.repo, A, [(B, times[B]), (C, times[C])]), expected=200)
        for number, (sha, at) in enumerate(deployed.items(), 1):
            if vendor == "github":
                story.send(deployment_status(story.repo, sha, deployment=number, at=at))
            else:
                name = "build.success.production"
                story.send(gitlab(name, story.repo, sha, job=number, pipeline=number, at=at))

    def fetch() -> None:
        rows = _past_deployments(vendor, story.repo, deployed, times)
        with listening(Api(lambda path, _: rows[path], "planted-7c1e")) as api:
            story.pair.run(
                *("history", "fetch", vendor, "--api-url", api.url, "--with", f"repo={story.repo}"),
                *("--since", "2026-01-01", "--state", f"state-{vendor}-{fetched_first}", "--overlap"),
                environ={"GITHUB_TOKEN": api.token, "GITLAB_TOKEN": api.token},
            )

    for tell in (fetch, dora) if fetched_first else (dora, fetch):
        tell()

    assert story.counted == (2, 0)
    if vendor == "github":
        assert len(story.events) == 2
        lead_time = story.pair.figures(story.repo)["changeLeadTime"]
        assert lead_time["commits"] == (0 if fetched_first else 2)


def _past_deployments(
    vendor: str, repo: str, deployed: dict[str, datetime], times: dict[str, datetime]
) -> dict[str, list[dict[str, Any]]]:
    """The pages of the vendor's API with the deployments that webhooks tell, too, by path."""
    numbered = list(enumerate(deployed.items(), 1))[::-1]
    if vendor == "github":
        listed = [
            {
                "id": number,
                "sha": sha,
                "ref": "main",
                "environment": "production",
                "created_at": at.isoformat(),
            }
            for number, (sha, at) in numbered
        ]
        statuses = {
            f"/repos/{repo}/deployments/{number}/statuses": [
                {"id": number, "state": "success", "environment": "production", "created_at": at.isoformat()}
            ]
            for number, (_, at) in numbered
        }
        return {f"/repos/{repo}/deployments": listed, **statuses}
    return {
        f"/projects/{repo.replace('/', '%2F')}/deployments": [
            {
                "id": number,
                "ref": "main",
                "sha": sha,
                "created_at": at.isoformat(),
                "status": "success",
                "environment": {"name": "production", "tier": "production"},
                "deployable": {
                    "id": number,
                    "status": "success",
                    "tag": False,
                    "finished_at": at.isoformat(),
                    "commit": {"id": sha, "created_at": times[sha].isoformat()},
                    "pipeline": {"id": number, "sha": sha},
                },
            }
            for number, (sha, at) in numbered
        ]
    }
