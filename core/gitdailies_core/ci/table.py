"""The parts of a platform: the table of its variables, and its marker."""

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
    """Names of variables by what they hold. The first that is set wins. `repo_url` is an address."""

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
        """Read every row. *odd* replaces rows that the platform does not have as a variable, even by None.

        A branch with the tag's name is the tag. A tag has no branch.
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
    """A CI platform. The module of its name defines it.

    word    names it in ids
    title   its name
    marker  the variable that is set on this platform; "false" counts as not set
    read    reads its facts from the job's variables and the event's payload
    step    how the step meets its jobs
    turn    if the markers of two platforms are set, the one with the lower turn is used
    """

    word: str
    title: str
    marker: str
    read: Callable[[Variables, Any], Facts]
    step: Step
    turn: int = 80
