"""Jobs that run again, waves, and several reporters of one deploy: the real step and the DORA server."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scripts import joiner
from tests.support.octopus_agent import deploy as octopus
from tests.support.steps import ROOT, DoraServer, dora

A, B, C = "a1" * 20, "b2" * 20, "c3" * 20
STEP = ROOT / joiner.STEP
_numbers = count(1)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoraServer]:
    with dora(tmp_path_factory.mktemp("dora")) as running:
        yield running


def github(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": repo,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": sha,
        "GITHUB_RUN_ID": str(run),
        "GITHUB_RUN_ATTEMPT": str(attempt),
    }


def gitlab(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        "GITLAB_CI": "true",
        "CI_PROJECT_PATH": repo,
        "CI_COMMIT_SHA": sha,
        "CI_COMMIT_BRANCH": "main",
        "CI_PIPELINE_ID": str(run),
        "CI_JOB_ID": str(1000 * run + attempt),
    }


def bitbucket(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        "BITBUCKET_BUILD_NUMBER": str(run),
        "BITBUCKET_STEP_RUN_NUMBER": str(attempt),
        "BITBUCKET_COMMIT": sha,
        "BITBUCKET_BRANCH": "main",
        "BITBUCKET_REPO_FULL_NAME": repo,
    }


def buildkite(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        "BUILDKITE": "true",
        "BUILDKITE_BUILD_ID": f"build-{run}",
        "BUILDKITE_RETRY_COUNT": str(attempt - 1),
        "BUILDKITE_COMMIT": sha,
        "BUILDKITE_BRANCH": "main",
        "BUILDKITE_REPO": f"git@github.com:{repo}.git",
    }


def azure(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        "TF_BUILD": "True",
        "BUILD_BUILDID": str(run),
        "SYSTEM_STAGEATTEMPT": str(attempt),
        "BUILD_REPOSITORY_PROVIDER": "GitHub",
        "BUILD_REPOSITORY_NAME": repo,
        "BUILD_SOURCEVERSION": sha,
        "BUILD_SOURCEBRANCH": "refs/heads/main",
    }


def azure_release(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    return {
        **azure(repo, sha, 7, 1),
        "RELEASE_RELEASEID": str(run),
        "RELEASE_DEPLOYMENTID": str(1000 * run + attempt),
        "RELEASE_ENVIRONMENTNAME": "production",
    }


def circleci(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    again = f"-{attempt}" if attempt > 1 else ""
    owner, name = repo.split("/")
    return {
        "CIRCLECI": "true",
        "PIPELINE_ID": f"pipeline-{run}",
        "CIRCLE_WORKFLOW_WORKSPACE_ID": f"workflow-{run}",
        "CIRCLE_WORKFLOW_ID": f"workflow-{run}{again}",
        "CIRCLE_BUILD_URL": f"https://circleci.com/gh/{repo}/{1000 * run + attempt}",
        "CIRCLE_PROJECT_USERNAME": owner,
        "CIRCLE_PROJECT_REPONAME": name,
        "CIRCLE_SHA1": sha,
        "CIRCLE_BRANCH": "main",
        "PARAM_WEBHOOK_KEY": "GITDAILIES_WEBHOOK_KEY",
    }


def octopus_deploy(repo: str, sha: str, run: int, attempt: int) -> dict[str, str]:
    package = {
        "VcsRoot": f"https://github.com/{repo}",
        "VcsCommitNumber": sha,
        "Branch": "main",
        "Commits": [],
    }
    built = json.dumps([{"Version": f"1.{run}.0", "BuildInformation": [package]}])
    return {
        "Octopus.Release.Id": f"Releases-{run}",
        "Octopus.Deployment.Id": f"Deployments-{1000 * run + attempt}",
        "Octopus.Release.Number": f"1.{run}.0",
        "Octopus.Environment.Name": "production",
        # A release that goes back brings no changes.
        "Octopus.Deployment.Changes": built if attempt == 1 else "[]",
        "Octopus.Deployment.PackageBuildInformation": json.dumps([package]),
    }


PLATFORMS = {
    one.__name__: one
    for one in (github, gitlab, bitbucket, buildkite, azure, azure_release, circleci, octopus_deploy)
}
each = pytest.mark.parametrize("platform", PLATFORMS)


@dataclass(frozen=True)
class Story:
    """Deploys of one repository, and what the DORA server makes of them."""

    receiver: DoraServer
    folder: Path
    repo: str

    def job(self, platform: str, sha: str, run: int, attempt: int = 1, **inputs: str) -> None:
        """Run the step in a job, which must be green and quiet."""
        environ = PLATFORMS[platform](self.repo, sha, run, attempt)
        given = {"environment": "production", **inputs}
        log = self._octopus(environ) if platform == "octopus_deploy" else self.step(environ, given)
        assert "reported: deploy of" in log
        assert "warning" not in log.lower()
        assert "error" not in log.lower()

    def step(self, environ: Mapping[str, str], inputs: Mapping[str, str]) -> str:
        """Run the step with *environ* and *inputs*; return its log. It must end well."""
        names = {f"{prefix}_{name.upper()}": text for name, text in inputs.items() for prefix in PREFIXES}
        known = {"GITDAILIES_WEBHOOK_URL": self.receiver.url, "GITDAILIES_WEBHOOK_KEY": self.receiver.key}
        outputs = {name: str(self.folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(STEP)],
            cwd=self.folder,
            env={"PATH": "/nowhere", **outputs, **environ, **names, **known},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    def _octopus(self, environ: Mapping[str, str]) -> str:
        parameters = {"GitDailies.WebhookUrl": self.receiver.url, "GitDailies.WebhookKey": self.receiver.key}
        ended = octopus("Python", self.folder / str(next(_numbers)), environ, parameters)
        assert ended.code == 0, ended.log
        return ended.log

    def post(self, sha: str, reporter: str, **fields: str) -> None:
        """Send what another reporter would."""
        event = {"kind": "deployed", "repo": self.repo, "commitSHA": sha, "environment": "production"}
        body = json.dumps({**event, "reporter": reporter, **fields}).encode()
        headers = {"webhook-key": self.receiver.key, "content-type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(self.receiver.url, body, headers), timeout=10
        ) as answer:
            assert answer.status == 202

    @property
    def counted(self) -> tuple[int, int]:
        """Return how many deploys count, and how many of them are rework."""
        address = self.receiver.url.replace("/webhooks", f"/api/metrics?repo={self.repo}")
        request = urllib.request.Request(address, headers={"webhook-key": self.receiver.reader})
        with urllib.request.urlopen(request, timeout=30) as answer:
            figures: dict[str, Any] = json.load(answer)["figures"]
        rework = figures["deploymentReworkRate"]
        assert figures["deploymentFrequency"]["deploys"] == rework["deploys"]
        return rework["deploys"], rework["rework"]


# How the platforms name an input.
PREFIXES = ("INPUT", "PARAM", "GITDAILIES")


@pytest.fixture
def story(receiver: DoraServer, tmp_path: Path) -> Story:
    return Story(receiver, tmp_path, f"larkspur/story-{next(_numbers)}")


@each
def test_a_rollback_by_running_an_old_job_again(platform: str, story: Story) -> None:
    """The platform's own button goes back to A, which is a rollback; then B goes live again."""
    story.job(platform, A, run=1)
    story.job(platform, B, run=2)
    story.job(platform, A, run=1, attempt=2)
    assert story.counted == (3, 1)

    story.job(platform, B, run=2, attempt=2)
    assert story.counted == (4, 1)


@each
def test_a_flaky_job_that_runs_again(platform: str, story: Story) -> None:
    """A deploy whose job runs again until it is green is one deploy."""
    for attempt in (1, 2, 3):
        story.job(platform, A, run=1, attempt=attempt)

    assert story.counted == (1, 0)


@pytest.mark.parametrize("platform", ["github", "gitlab", "buildkite"])
def test_a_rollback_by_a_new_run(platform: str, story: Story) -> None:
    """A new run that deploys an old commit is a rollback; the next new commit is a deploy as any other."""
    for run, sha in enumerate((A, B, A, C), 1):
        story.job(platform, sha, run=run)

    assert story.counted == (4, 1)


def test_waves_in_two_regions(story: Story) -> None:
    """Two regions that get two commits in interleaved waves saw two deploys, and nothing went back."""
    story.job("github", A, run=1, environment="prod")
    story.job("github", B, run=2, environment="prod")
    story.job("github", A, run=1, environment="live")
    story.job("github", B, run=2, environment="live")

    assert story.counted == (2, 0)


def test_two_runs_at_once_in_a_monorepo(story: Story) -> None:
    """Two runs that deploy the services of a monorepo at once, and name none, are two deploys."""
    for sha, run in ((A, 1), (B, 2), (A, 1), (B, 2)):
        story.job("github", sha, run=run)

    assert story.counted == (2, 0)


@pytest.mark.parametrize("step_first", [True, False])
def test_a_step_and_a_webhook_of_one_deployment(step_first: bool, story: Story) -> None:
    """A deployment that the step and GitHub's webhook report is one deploy, in either order."""
    for sha, run in ((A, 1), (B, 2)):
        if step_first:
            story.job("github", sha, run=run)
        story.post(sha, "relay/github", run=f"github-actions:{run}")
        if not step_first:
            story.job("github", sha, run=run)

    assert story.counted == (2, 0)


def test_a_webhook_that_comes_late(story: Story) -> None:
    """A webhook that comes after the next deploy is still of its own run, and nothing goes back."""
    story.job("github", A, run=1)
    story.job("github", B, run=2)
    story.post(A, "relay/github", run="github-actions:1")
    story.post(B, "relay/github", run="github-actions:2")

    assert story.counted == (2, 0)


def test_three_reporters_that_share_no_run(story: Story) -> None:
    """A deployment that a step and two other tools report, each by a name of its own, is one deploy."""
    story.job("github", A, run=1)
    story.job("github", B, run=2)
    for sha in (A, B):
        story.post(sha, "relay/argo-cd", run=f"argo-cd:{sha[:8]}")
        story.post(sha, "relay/datadog")

    assert story.counted == (2, 0)


def test_two_jobs_of_one_workflow(story: Story) -> None:
    """Two jobs of one workflow that deploy to one environment report one deploy, from two pages."""
    environ = circleci(story.repo, A, 1, 1)
    for job in (10, 14):
        page = {"CIRCLE_BUILD_URL": f"https://circleci.com/gh/{story.repo}/{job}"}
        assert "WARNING" not in story.step({**environ, **page}, {"environment": "production"})

    assert story.counted == (1, 0)


def test_two_statuses_of_one_deployment(story: Story, tmp_path: Path) -> None:
    """Two statuses of success of one deployment are one deploy, although their times differ."""
    event = tmp_path / "event.json"
    environ = {
        **github(story.repo, A, 1, 1),
        "GITHUB_EVENT_NAME": "deployment_status",
        "GITHUB_EVENT_PATH": str(event),
    }
    deployment = {"id": 8801, "sha": A, "environment": "production"}
    for at in ("2026-03-04T08:55:12Z", "2026-03-04T09:00:12Z"):
        status = {"state": "success", "created_at": at}
        event.write_text(json.dumps({"deployment": deployment, "deployment_status": status}))
        log = story.step(environ, {})
        assert "::warning" not in log

    assert "which was counted already" in log
    assert [one["time"] for one in story.receiver.events if one["repo"] == story.repo] == [
        "2026-03-04T08:55:12Z"
    ]


def test_a_revert_remedies_the_deploy_that_it_undoes(story: Story, tmp_path: Path) -> None:
    """A revert in a pushed commit's message is known to the receiver; the deploy is rework."""
    story.job("github", A, run=1)
    event = tmp_path / "event.json"
    commits = [
        {"id": B, "message": f"Revert x\n\nThis reverts commit {A}.", "timestamp": "2026-03-04T08:00:00Z"}
    ]
    event.write_text(json.dumps({"after": B, "commits": commits}))
    story.step(
        {**github(story.repo, B, 2, 1), "GITHUB_EVENT_PATH": str(event)}, {"environment": "production"}
    )

    [sent] = [one for one in story.receiver.events if one["repo"] == story.repo and one["commitSHA"] == B]
    assert sent["reverts"] == [A]
    assert story.counted == (2, 1)
