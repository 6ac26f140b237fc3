"""The parts of a platform: the table of its variables, and its marker; and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import (
    Facts,
    Run,
    Target,
    Variables,
    branch_of,
    full_sha,
    later_attempt,
    repo_of,
    undone_by,
)
from gitdailies_core.error_text import got

_ORIGINS = {False: "", True: "comes from a fork", None: "may come from another repository"}


@dataclass(frozen=True)
class Table:
    """Names of variables by what they hold. The first that is set wins.

    `repo_url` is an address, `pull` the number of a pull request or false.
    """

    run: tuple[str, ...]
    attempt: tuple[str, ...] = ()
    sha: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    repo: tuple[str, ...] = ()
    repo_url: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    message: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    pull: tuple[str, ...] = ()

    def run_of(self, variables: Variables) -> Run | None:
        """Return the job's run, and its attempt unless that is the first."""
        run = variables.first(*self.run)
        return Run(run, later_attempt(variables.first(*self.attempt))) if run else None

    def read(
        self,
        variables: Variables,
        *,
        targets: tuple[Target, ...] = (),
        no_branch: str | None = None,
        fork: str | bool | None = False,
        notes: Sequence[str] = (),
        **other: Any,
    ) -> Facts:
        """Read every row. *other* replaces rows, even by None, and holds further values of `Facts`.

        A branch with the tag's name is the tag. A tag has no branch, and a fork none of ours: *fork* is
        whether the pull request is of one (None: unknown), or why.
        """
        rows = ("sha", "branch", "tag", "repo", "environment", "url", "status", "message")
        found: dict[str, Any] = {
            row: other.pop(row, None) if row in other else self._row(variables, row) for row in rows
        }
        pull, number = other.pop("pull", True), self._row(variables, "pull")
        if isinstance(pull, bool):
            # Whether the row counts.
            pull = f"pull request {number}" if pull and number not in (None, "false") else None
        why = fork if isinstance(fork, str) else pull and _ORIGINS[fork] and f"{pull} {_ORIGINS[fork]}"
        branch, tag, notes = branch_of(found["branch"]), found["tag"], list(notes)
        if tag and branch in (None, tag):
            branch, no_branch = None, f"the run is of tag {tag}"
        sha = full_sha(found["sha"])
        if found["sha"] and not sha:
            notes.append(f"the platform's commit is {got(found['sha'])}, which is no whole commit name")
        own = Target(
            repo=found["repo"] or repo_of(variables.first(*self.repo_url)),
            sha=sha,
            branch=None if why else branch,
            no_branch=why or no_branch,
            foreign=branch if why else None,
            before=full_sha(self._row(variables, "before")),
            reverts=undone_by(found["message"]),
            notes=tuple(notes),
        )
        rest: dict[str, Any] = {"run": self.run_of(variables), "pull": pull, **other}
        if found["status"] == "running":
            found["status"] = None
        seen = {row: found[row] for row in ("environment", "url", "status")}
        return Facts(targets=targets or (own,), **seen, **rest)

    def _row(self, variables: Variables, row: str) -> str | None:
        return variables.first(*getattr(self, row))


@dataclass(frozen=True)
class Platform:
    """A CI platform. The module of its name defines it.

    word    names it in ids
    title   its name
    marker  the variable that is set on this platform; "false" counts as not set
    read    reads its facts from the job's variables and the event's payload
    step    how the step meets its jobs
    turn    if the markers of two platforms are set, the one with the lower turn is used
    name    names it in runs and reporters: by default the word
    """

    word: str
    title: str
    marker: str
    read: Callable[[Variables, Any], Facts]
    step: Step
    turn: int = 80
    name: str = ""

    @property
    def full_name(self) -> str:
        """What runs and reporters call it."""
        return self.name or self.word


@dataclass(frozen=True)
class Choice:
    """A platform that a job may be of.

    marker    the variable that is set on it
    lends     the name of a function that its agent adds to a script, or ""
    platform  returns it. The one-file step compiles a platform only then
    """

    marker: str
    lends: str
    platform: Callable[[], Platform]
