"""The table of a platform's variables, and how its rows become the facts about a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import (
    Facts,
    Run,
    Start,
    Starts,
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


class Table(NamedTuple):
    """Names of variables by what they hold. The first that is set wins.

    `repo_url` is an address, `pull` the number of a pull request or false. `starts` explains the words of
    `started`; a word that it lacks is as if the platform did not say what started the run.
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
    started: tuple[str, ...] = ()
    starts: Mapping[str, Start] = {}

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
        warnings: tuple[str, ...] = (),
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
            warnings=warnings,
        )
        started = self.starts.get(self._row(variables, "started") or "", Start())
        commits = (full_sha(variables.first(name)) for name in self.sha)
        rest: dict[str, Any] = {
            "run": self.run_of(variables),
            # Only GitHub says that a tag is new. One that was moved may go back to an earlier commit.
            "start": Starts.PERHAPS_PUSHED if tag and started is Starts.PUSHED else started,
            "own": frozenset(commit for commit in commits if commit),
            "pull": pull,
            **other,
        }
        rest.setdefault("rerun", bool(rest["run"] and rest["run"].attempt))
        if found["status"] == "running":
            found["status"] = None
        seen = {row: found[row] for row in ("environment", "url", "status")}
        return Facts(targets=targets or (own,), **seen, **rest)

    def _row(self, variables: Variables, row: str) -> str | None:
        return variables.first(*getattr(self, row))
