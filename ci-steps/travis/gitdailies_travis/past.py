"""Travis' past builds, as the step would have reported them.

Source: Travis' API v3 reference, "Build", "Stage" and "Commit".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gitdailies_core.ci.facts import readable_time
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.travis import TRAVIS
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Row
from gitdailies_core.sources.protocol import Ignored

PASSED = "passed"


def finished_at(build: Row) -> datetime | None:
    """Return when the last run of a build finished, or None if it has not finished."""
    return Fields(build, "build").optional_time("finished_at")


def tag_of(build: Row) -> str:
    """Return the name of a build's tag, or ""."""
    # The reference says text. The API sends an object with a name.
    tag = build.get("tag")
    return str((tag.get("name") if isinstance(tag, dict) else tag) or "")


def of_build(repo: str, build: Row, stage: str | None, inputs: Inputs) -> Iterator[Event | Ignored]:
    """Yield the deploy of a build or of its stage named *stage*, if that passed; else why there is none."""
    fields = Fields(build, "build")
    if fields.text("event_type") == "pull_request":
        yield Ignored("a build of a pull request, which Travis does not deploy")
        return
    over = fields
    if stage is not None:
        named = [one for one in fields.objects("stages") if one.optional_text("name") == stage]
        if not named:
            yield Ignored(f"a build without a stage {stage!a}")
            return
        over = named[0]
    commit, branch = fields.object("commit"), fields.optional_object("branch")
    sha, state = commit.text("sha"), over.text("state")
    environ = {
        "TRAVIS_BUILD_ID": str(fields.raw("id")),
        "TRAVIS_REPO_SLUG": repo,
        "TRAVIS_COMMIT": sha,
        "TRAVIS_BRANCH": (branch.optional_text("name") if branch else None) or "",
        "TRAVIS_TAG": tag_of(build),
        "TRAVIS_TEST_RESULT": state,
        "TRAVIS_COMMIT_MESSAGE": commit.optional_text("message") or "",
    }
    git = GitFacts(sha.lower(), commit_time=readable_time(commit.raw("committed_at")))
    at = over.time("finished_at") if state == PASSED else None
    yield from deploys(TRAVIS, environ, inputs, git=git, at=at)
