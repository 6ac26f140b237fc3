"""Deploys and pushes of one repository, as packs read them. A commit is a number."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gitdailies_core.sources.deploy_messages import Deploy, Push, PushedCommit
from gitdailies_core.values.deploy_target import DeployTarget

REPO = "larkspur/checkout"
PRODUCTION = DeployTarget(REPO, "production")
BEGAN = datetime(2026, 3, 4, 9, tzinfo=UTC)


def sha(number: int) -> str:
    return f"{number:040x}"


def deployed(number: int, *, minute: float = 0, **more: Any) -> Deploy:
    """A deploy of a commit, as many minutes after the beginning."""
    at = BEGAN + timedelta(minutes=minute)
    given = {"environment": "production", "branch": "main", "deployment": str(number), **more}
    return Deploy(word="success", repo=REPO, sha=sha(number), at=at, platform="github-actions", **given)


def pushed(*numbers: int, before: int = 0, message: str = "work", branch: str = "main", **more: Any) -> Push:
    """A push of commits, oldest first, a second after each other."""
    commits = tuple(PushedCommit(sha(one), BEGAN + timedelta(seconds=one), message) for one in numbers)
    ends = {"before": sha(before), "after": sha(numbers[-1])}
    return Push(word="push", repo=REPO, branch=branch, commits=commits, **{**ends, **more})
