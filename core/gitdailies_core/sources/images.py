"""Which of the images that a deploy names is the application's, and the commit that its tag holds."""

import re
from collections.abc import Iterable
from dataclasses import replace

from gitdailies_core.error_text import got
from gitdailies_core.reasons import NO_COMMIT, Reason
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import folded

# Not a part of a longer word. An image's digest is no commit.
_ALONE = re.compile(r"(?<![0-9a-z])(?<!sha256:)([0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-z])")
# What may be the beginning of a commit: a number or a word alone is none.
_SHORT = re.compile(r"(?<![0-9a-z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,39}(?![0-9a-z])")


def commit_in(text: str) -> str | None:
    """Return the first whole commit SHA in a text that is a word of its own, in lower case."""
    for found in _ALONE.finditer(text.lower()):
        if found[1].strip("0"):
            return found[1]
    return None


def of_application(deploy: Deploy, place: DeployTarget) -> Deploy | Reason:
    """Return *deploy* with the commit of the application's image, or the reason why that is not known.

    The image is called like the service, the application or the repository. If none is, all of them count.
    """
    if deploy.gitops or not deploy.images:
        return deploy
    names = (place.service, deploy.application, deploy.route, place.repo.rpartition("/")[2])
    called = ([one for one in deploy.images if _name(one) == folded(name or "")] for name in names)
    own = next(filter(None, called), list(deploy.images))
    commits = {commit for one in own if (commit := commit_in(one))}
    if len(commits) == 1:
        return replace(deploy, sha=commits.pop())
    why = "hold different commits, and none is called like the application" if commits else "hold no commit"
    shown = ", ".join(map(got, own))
    return Reason(NO_COMMIT, f"no application commit: the tags of {shown} {why}{too_short(own)}")


def too_short(images: Iterable[str]) -> str:
    """Say which tag of *images* may be the beginning of a commit; "" if none is."""
    for image in images:
        found = _SHORT.search(image.lower().rpartition("/")[2].partition("@")[0].partition(":")[2])
        if found is not None:
            return f"; {found[0]!r} is seen, and too short: a tag needs all 40 digits of the commit"
    return ""


def _name(image: str) -> str:
    return folded(image.partition("@")[0].rpartition("/")[2].partition(":")[0])
