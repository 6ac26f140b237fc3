"""Lead times of webhooks alone are those of the step: one git history, told by the step and by webhooks.

The history is real: direct commits, merges of branches, squashes and reverts. The step reads it from a
checkout. GitHub's and GitLab's webhooks tell the same pushes and deploys, in any order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.test_rerun_stories import Story
from tests.support.figures.git.repository import Repository
from tests.support.forms import short_and_long
from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery
from tests.support.relay.deploys import NOTHING, add_sources, deployment_status, gitlab, gitlab_push, push
from tests.support.relay.pair import Pair, running_pair
from tests.support.steps import DoraServer

DEPLOYS = 5
FAILED = 2  # the run of this deploy failed: its commits come with the next one


@dataclass(frozen=True)
class Pushed:
    """A push to a branch: its commits, oldest first, each with its time; and their messages."""

    branch: str
    before: str
    commits: list[tuple[str, datetime]]
    messages: list[str]


@dataclass
class History:
    """A repository, what was pushed to it, and what was deployed: commits of main with their times."""

    repository: Repository
    told: list[Pushed | tuple[str, datetime]] = field(default_factory=list)

    def push(self, branch: str, before: str, revisions: str) -> None:
        shas = self.repository.git("rev-list", "--reverse", revisions).split()
        commits, messages = [], []
        for sha in shas:
            at, _, message = self.repository.git("log", "-1", "--format=%ct %B", sha).partition(" ")
            commits.append((sha, datetime.fromtimestamp(int(at), UTC)))
            messages.append(message.strip())
        self.told.append(Pushed(branch, before, commits, messages))

    @property
    def deploys(self) -> list[tuple[str, datetime]]:
        return [one for one in self.told if not isinstance(one, Pushed)]


def history(path: Path, seed: int) -> History:
    """Work on main for days. After some changes, push and deploy."""
    odds, made = random.Random(seed), Repository(path)
    found, tip, direct = History(made), NOTHING, list[str]()
    at, names = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20), iter(range(10**6))

    def later() -> str:
        nonlocal at
        at += timedelta(minutes=odds.randrange(1, 300), seconds=odds.randrange(60))
        return at.isoformat()

    def commit() -> str:
        return made.commit(f"c{next(names)}", later())

    def branched() -> str:
        branch = f"b{next(names)}"
        made.git("switch", "--quiet", "--create", branch)
        for _ in range(odds.randrange(1, 4)):
            commit()
        found.push(branch, NOTHING, f"main..{branch}")
        made.git("switch", "--quiet", "main")
        commit()
        return branch

    direct.append(commit())
    for number in range(DEPLOYS):
        for kind in odds.sample(["direct", "merge", "squash", "revert"], 2):
            if kind == "direct":
                direct.append(commit())
            elif kind == "merge":
                made.git("merge", "--quiet", "--no-ff", "--no-edit", branched(), at=later())
            elif kind == "squash":
                made.git("merge", "--quiet", "--squash", branched())
                made.git("commit", "--quiet", "--message=squashed", at=later())
            elif direct:
                made.git("revert", "--no-edit", direct.pop(), at=later())
        head = made.git("rev-parse", "HEAD").strip()
        found.push("main", tip, head if tip == NOTHING else f"{tip}..{head}")
        tip = head
        at += timedelta(minutes=odds.randrange(1, 60))
        if number != FAILED:
            found.told.append((head, at))
    return found


def told_by_github(repo: str, one: Pushed | tuple[str, datetime], number: int) -> Delivery:
    if isinstance(one, Pushed):
        return push(repo, one.before, one.commits, branch=one.branch, messages=one.messages)
    return deployment_status(repo, one[0], run=number + 1, at=one[1])


def told_by_gitlab(repo: str, one: Pushed | tuple[str, datetime], number: int) -> Delivery:
    if isinstance(one, Pushed):
        return gitlab_push(repo, one.before, one.commits, branch=one.branch, messages=one.messages)
    return gitlab("build.success.production", repo, one[0], job=1000 + number, pipeline=number + 1, at=one[1])


def in_order(sent: list[Delivery], is_push: Sequence[bool], odds: random.Random) -> list[Delivery]:
    return sent


def late(sent: list[Delivery], is_push: Sequence[bool], odds: random.Random) -> list[Delivery]:
    """Each deploy but the first comes before the pushes that it needs."""
    first = is_push.index(False) + 1
    found, kept = sent[:first], list[Delivery]()
    for one, pushed in zip(sent[first:], is_push[first:], strict=True):
        kept.append(one)
        if not pushed:
            found += reversed(kept)
            kept = []
    return found + kept


def doubled(sent: list[Delivery], is_push: Sequence[bool], odds: random.Random) -> list[Delivery]:
    return [one for one in sent for _ in range(2)]


def shuffled(sent: list[Delivery], is_push: Sequence[bool], odds: random.Random) -> list[Delivery]:
    """In any order after the first deploy, which nothing precedes."""
    first = is_push.index(False) + 1
    return sent[:first] + odds.sample(sent[first:], len(sent) - first)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        running.relay.terminate()
        add_sources(running.folder)
        running.start_relay()
        yield running


def told_by_the_step(pair: Pair, made: History, repo: str, folder: Path) -> None:
    """Run the step in a job for each deploy, in a whole checkout."""
    key = (pair.folder / "webhook-key").read_text().strip()
    story = Story(DoraServer(f"http://127.0.0.1:{pair.port}/webhooks", key, pair.reading), folder, repo)
    for number, (sha, at) in enumerate(made.deploys):
        made.repository.git("checkout", "--quiet", "--detach", sha)
        environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": repo,
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": sha,
            "GITHUB_RUN_ID": str(number + 1),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKSPACE": str(made.repository.path),
            "PATH": "/usr/bin:/bin:/usr/local/bin",
        }
        log = story.step(environ, {"environment": "production", "time": at.isoformat()})
        assert "reported: deploy of" in log


def lead_times(pair: Pair, made: History, repo: str) -> list[dict[str, Any]]:
    """Return lead times of all deploys together, then of each."""
    ats = [at for _, at in made.deploys]
    second = timedelta(seconds=1)
    periods = [(ats[0] - second, ats[-1] + second), *((at - second, at + second) for at in ats)]
    found = []
    for since, until in periods:
        answer = requests.get(
            f"http://127.0.0.1:{pair.port}/api/metrics",
            headers={"webhook-key": pair.reading},
            params={"repo": repo, "from": since.isoformat(), "to": until.isoformat()},
            timeout=60,
        )
        found.append(answer.json()["figures"]["changeLeadTime"])
    return found


@short_and_long("seeds", short=2, long=12, seconds=lambda seeds: 120 + 60 * seeds)
def test_webhooks_give_the_lead_times_of_the_step(seeds: int, pair: Pair, tmp_path: Path) -> None:
    """Median, p90 and count, of all deploys and of each, agree to the second, whatever the order."""
    for seed in range(seeds):
        made = history(tmp_path / f"history-{seed}", seed)
        by_step = f"larkspur/step-{seeds}-{seed}"
        told_by_the_step(pair, made, by_step, tmp_path)
        repos = []
        for teller in (told_by_github, told_by_gitlab):
            for order in (in_order, late, doubled, shuffled):
                repos.append(f"larkspur/{teller.__name__}-{order.__name__}-{seeds}-{seed}")
                sent = [teller(repos[-1], one, number) for number, one in enumerate(made.told)]
                is_push = [isinstance(one, Pushed) for one in made.told]
                for delivery in order(sent, is_push, random.Random(seed)):
                    assert delivery.post(pair.relay.address).status_code in (200, 202)
        eventually(lambda: pair.status()["waiting"] == 0)
        assert pair.status()["held"] == 0
        expected = lead_times(pair, made, by_step)
        assert expected[0]["commits"] > DEPLOYS
        for repo in repos:
            assert within_a_second(lead_times(pair, made, repo), expected), repo


def within_a_second(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    assert [one["commits"] for one in found] == [one["commits"] for one in expected]
    pairs = [(a[name], b[name]) for a, b in zip(found, expected, strict=True) for name in ("median", "p90")]
    return all(a == b or (a and b and abs(a - b) <= 1) for a, b in pairs)
