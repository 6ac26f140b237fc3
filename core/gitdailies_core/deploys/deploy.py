"""The event that a deploy message becomes."""

from collections.abc import Sequence
from typing import Any

from gitdailies_core.deploys.pushes import Brought
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS
from gitdailies_core.events.ids import deploy_id
from gitdailies_core.sources.deploy_messages import Deploy, DeployedCommit
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

_FIRST_ATTEMPT = "1"
# What ids call a platform, where `run` calls it otherwise. So a fetch of the past, which
# names a deployment of GitHub as the step does, gives the id of the webhook.
_ID_WORDS = {"github-actions": "github"}
# A platform and a long name together would be longer than a name may be.
_LONGEST = 200


def event_id(deploy: Deploy, place: DeployTarget, key: str, *, again: bool = False) -> str:
    """Return the id of the event of *deploy*, the same for each message about it.

    It is made from what the vendor names, so that a line of `route` that renames an environment or a
    service later counts nothing twice. What a line adds is in it only where the deploy has a word of its own
    for `route`. *key* names the message. It is used where the vendor names neither a deployment
    nor a run. *again* is a deploy of something that went back to a commit which counted before.
    """
    attempt = None if deploy.deployment or deploy.attempt == _FIRST_ATTEMPT else deploy.attempt
    if again:
        attempt = text_of(deploy.at)
    return deploy_id(
        platform=_ID_WORDS.get(deploy.platform, deploy.platform),
        run=deploy.deployment or deploy.run or key,
        sha=deploy.sha,
        repo=deploy.repo or place.repo,
        environment=deploy.environment or place.environment,
        service=deploy.application or deploy.service or (place.service if deploy.route else None),
        type=deploy.type,
        attempt=attempt,
    )


def event_of(
    deploy: Deploy,
    place: DeployTarget,
    source: str,
    key: str,
    *,
    commits: Sequence[DeployedCommit] | None = None,
    reverts: Sequence[str] = (),
    again: bool = False,
) -> Event:
    """Return the event of *deploy* at *place*, as the relay's *source* reports it.

    *commits* and *reverts* are from pushes, for a delivery that names no commits. Raises
    InvalidEvent if a value does not fit.
    """
    brought = deploy.commits if deploy.commits is not None else commits
    return Event.make(
        DEPLOYED,
        repo=place.repo,
        commitSHA=deploy.sha,
        environment=place.environment,
        branch=deploy.branch,
        time=deploy.at,
        id=event_id(deploy, place, key, again=again),
        service=place.service,
        run=f"{deploy.platform}:{deploy.run[-_LONGEST:]}" if deploy.run else None,
        attempt=deploy.attempt,
        reporter=f"relay/{source}",
        trigger=deploy.trigger,
        # The tier belongs to the environment that the delivery names. Another one, of a line, has none.
        tier=deploy.tier if place.environment == deploy.environment else None,
        type=deploy.type,
        url=deploy.url,
        commits=None if brought is None else _listed(brought),
        commitTime=deploy.commit_time if brought is None else None,
        reverts=list(dict.fromkeys([*deploy.reverts, *reverts]))[:MOST_REVERTS] or None,
    )


def completed(event: Event, found: Brought) -> Event:
    """Return *event*, which names no commits, with the commits that pushes named later."""
    reverts = list(dict.fromkeys([*(event.get("reverts") or ()), *found.reverts]))[:MOST_REVERTS]
    return event.replace(commits=_listed(found.commits), reverts=reverts or None, commitTime=None)


def _listed(commits: Sequence[DeployedCommit]) -> list[dict[str, Any]]:
    return [_entry(one) for one in commits[:MOST_COMMITS]]


def _entry(commit: DeployedCommit) -> dict[str, Any]:
    parents = None if commit.parents is None else list(commit.parents)
    return {name: one for name, one in {**commit._asdict(), "parents": parents}.items() if one is not None}
