"""Deploys out of webhooks, from the relay's commands to the figures of the DORA server."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.support.history_fetch.api import Api, listening
from tests.support.history_fetch.shapes import filled
from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery
from tests.support.relay.deploys import (
    NOTHING,
    add_sources,
    deployment_status,
    gitlab,
    gitlab_push,
    minutes_ago,
    push,
    workflow_run,
)
from tests.support.relay.pair import Pair, running_pair

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

    def send(self, *deliveries: Delivery, expected: int = 202) -> None:
        for one in deliveries:
            self.pair.post(one, expected)

    def deploy(self, sha: str, minutes: float, run: int) -> Delivery:
        return deployment_status(self.repo, sha, at=minutes_ago(minutes), run=run)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events of the repository, once the relay has nothing left to deliver."""
        eventually(lambda: self.pair.status()["waiting"] == 0)
        return [event for event in self.pair.everything() if event["repo"] == self.repo]

    @property
    def counted(self) -> tuple[int, int]:
        """Return how many deploys count, and how many of them are rework."""
        eventually(lambda: self.pair.status()["waiting"] == 0)
        rework = self.pair.figures(self.repo)["deploymentReworkRate"]
        return rework["deploys"], rework["rework"]


@pytest.fixture
def story(pair: Pair) -> Story:
    return Story(pair, f"larkspur/webhooks-{next(_numbers)}")


def test_a_push_after_its_deploy_completes_it(story: Story) -> None:
    """Two deploys wait for pushes that come last first, and say so; then each goes once, with its commits."""
    story.send(push(story.repo, NOTHING, [(A, minutes_ago(40))]), expected=200)
    story.send(story.deploy(A, 30, 1), story.deploy(B, 20, 2), story.deploy(D, 10, 3))
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
    if vendor == "gitlab":
        return {
            f"/projects/{repo.replace('/', '%2F')}/deployments": [
                filled(
                    "gitlab_deployment", id=n, sha=sha, at=at.isoformat(), committed=times[sha].isoformat()
                )
                for n, (sha, at) in numbered
            ]
        }
    where = {"environment": "production"}
    listed = [
        {"id": number, "sha": sha, "ref": "main", "created_at": at.isoformat(), **where}
        for number, (sha, at) in numbered
    ]
    statuses = {
        f"/repos/{repo}/deployments/{number}/statuses": [
            {"id": number, "state": "success", "created_at": at.isoformat(), **where}
        ]
        for number, (_, at) in numbered
    }
    return {f"/repos/{repo}/deployments": listed, **statuses}
