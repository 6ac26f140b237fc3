"""The form of a platform: a table of its variables, and what tells it from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Target, Variables, branch_of, full_sha
from gitdailies_core.ci.git_url import slug
from gitdailies_core.error_text import got


@dataclass(frozen=True)
class Table:
    """Names of variables by what they hold, the first that is set wins; `repo_url` is an address, no slug."""

    run: tuple[str, ...]
    sha: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    repo: tuple[str, ...] = ()
    repo_url: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    status: tuple[str, ...] = ()

    def read(
        self,
        variables: Variables,
        *,
        targets: tuple[Target, ...] = (),
        no_branch: str | None = None,
        notes: Sequence[str] = (),
        status_of: str = "the job",
        skip: str | None = None,
        remedy: str = "",
        time: str | None = None,
        **odd: str | None,
    ) -> Facts:
        """Read every row; *odd* holds what the platform tells in another way, None included.

        A branch that is named like the tag is the tag: no branch is made from one.
        """
        rows = ("run", "sha", "branch", "tag", "repo", "environment", "url", "status")
        found = {row: odd[row] if row in odd else variables.first(*getattr(self, row)) for row in rows}
        branch, tag, notes = branch_of(found["branch"]), found["tag"], list(notes)
        if tag and branch in (None, tag):
            branch, no_branch = None, f"the run is of tag {tag}"
        sha = full_sha(found["sha"])
        if found["sha"] and not sha:
            notes.append(f"the platform's commit is {got(found['sha'])}, which is no whole commit name")
        repo = found["repo"] or slug(variables.first(*self.repo_url) or "")
        return Facts(
            targets=targets or (Target(repo, sha, branch, no_branch, notes=tuple(notes)),),
            run=found["run"],
            environment=found["environment"],
            url=found["url"],
            time=time,
            status=found["status"],
            status_of=status_of,
            skip=skip,
            remedy=remedy,
        )


@dataclass(frozen=True)
class Platform:
    """A CI platform, made once in the module of its name.

    word    names it in ids
    title   its name
    marker  the variable that shows it; "false" counts as not set
    read    reads its facts from the job's variables and the event's payload
    step    how the step meets its jobs
    turn    where the variables of two platforms are set, the lower turn is taken
    """

    word: str
    title: str
    marker: str
    read: Callable[[Variables, Any], Facts]
    step: Step
    turn: int = 80
