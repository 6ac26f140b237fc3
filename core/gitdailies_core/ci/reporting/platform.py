"""A CI platform: its names, its table of variables, and how the step meets its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from gitdailies_core.ci.job.facts import (
    Facts,
    Run,
    Start,
    Starts,
    Target,
    Variables,
    branch_of,
    full_sha,
    given,
    later_attempt,
    repo_of,
    undone_by,
)
from gitdailies_core.ci.reporting.console import PREFIX, lines, texts, variables
from gitdailies_core.ci.reporting.report import Report
from gitdailies_core.error_text import got

_ORIGINS = {False: "", True: "comes from a fork", None: "may come from another repository"}


class Platform:
    """A CI platform. Its module derives a class, and makes the one object of that.

    word         names it in ids
    title        its name for people
    name         names it in runs and reporters, if that is not the word
    marker       the variable that is set on this platform; "false" counts as not set
    turn         if the markers of two platforms are set, the one with the lower turn is used

    The table has names of variables by what they hold. The first that is set wins. `repo_url` is an address,
    `pull` the number of a pull request or false. `starts` explains the words of `started`; a word that it
    lacks is as if the platform did not say what started the run.

    How the step meets its jobs; the defaults are those of a plain console:

    agent        names the step to the receiver
    no_key       ends the error about a missing key: where this platform keeps it
    folder       the variable that names the checkout; else git reads the current directory
    root         the variable that names the job's folder, if that is another one. Above it no checkout
                 is looked for
    event        the variable that names the file with the event's payload
    prefix       how the variables of the inputs begin, before GITDAILIES_
    key_name     the variable with the name of the key's variable, if the platform passes one
    names        what the platform calls the inputs
    lends        the name of a function that the platform's agent adds to a script, or ""
    oidc         the variable with the job's ID token; or those of the address that answers with one and of
                 its bearer; or the words of a program that prints one
    no_oidc      ends the error about a missing ID token; in both, AUDIENCE stands for the receiver's address
    """

    word = ""
    title = ""
    name = ""
    marker = ""
    turn = 80

    run: tuple[str, ...] = ()
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

    agent = ""
    no_key = ""
    folder = ""
    root = ""
    event = ""
    prefix = PREFIX
    key_name = ""
    names: Mapping[str, str] = variables()
    lends = ""
    oidc: tuple[str, ...] = ()
    no_oidc = ""

    @property
    def full_name(self) -> str:
        """What runs and reporters call it."""
        return self.name or self.word

    def read(self, variables: Variables) -> Facts:
        """Read what the platform knows about a job."""
        return self.facts(variables)

    def run_of(self, variables: Variables) -> Run | None:
        """Return the job's run, and its attempt unless that is the first."""
        run = variables.first(*self.run)
        return Run(run, later_attempt(variables.first(*self.attempt))) if run else None

    def facts(
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
            row: other.pop(row, None) if row in other else variables.first(*getattr(self, row))
            for row in rows
        }
        pull, number = other.pop("pull", True), variables.first(*self.pull)
        if isinstance(pull, bool):
            # Whether the row counts.
            pull = f"pull request {number}" if pull and number not in (None, "false") else None
        why = fork if isinstance(fork, str) else pull and _ORIGINS[fork] and f"{pull} {_ORIGINS[fork]}"
        branch, tag, notes = branch_of(found["branch"]), found["tag"], list(notes)
        if tag and branch in (None, tag):
            branch, no_branch = None, f"the run is of tag {tag}"
        sha = full_sha(found["sha"])
        if found["sha"] and not sha:
            notes.append(f"the platform's commit is {got(found['sha'])}, which is not a full commit SHA")
        own = Target(
            repo=found["repo"] or repo_of(variables.first(*self.repo_url)),
            sha=sha,
            branch=None if why else branch,
            no_branch=why or no_branch,
            foreign=branch if why else None,
            before=full_sha(variables.first(*self.before)),
            reverts=undone_by(found["message"]),
            notes=tuple(notes),
            warnings=warnings,
        )
        started = self.starts.get(variables.first(*self.started) or "", Start())
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

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Read the inputs by name: from the platform's variables, else GITDAILIES_*. Raises UsageError."""
        read = texts(environ, self.prefix)
        named = self.key_name and environ.get(self.key_name, "").strip()
        return {**read, "webhook-key": environ.get(named, "")} if named else read

    def masks(self, key: str) -> list[str]:  # noqa: ARG002  most platforms mask known secrets
        """Return the first lines of the log, which keep the key out of it."""
        return []

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. *fails* says whether an error fails the job."""
        return lines(report, fails)

    def files(self, report: Report) -> dict[str, str]:  # noqa: ARG002  most platforms only have a log
        """Return the texts to append to files, by the variable that names the file."""
        return {}

    def not_written(self, name: str) -> str:
        """Return the line about such a file if it is missing."""
        raise NotImplementedError(name)

    def warned(self, environ: Mapping[str, str]) -> int:  # noqa: ARG002  a warning leaves most jobs green
        """Return the exit code of a warning."""
        return 0

    def ask(self, lent: Mapping[str, Any], standard_input: Callable[[], bytes]) -> Mapping[str, str]:
        """Return the job's variables of a platform that lends: they are not in the environment.

        *lent* are the functions that the agent adds.
        """
        raise NotImplementedError


class _Elsewhere(Platform):
    """A job on none of the platforms. Git gives what the inputs do not."""

    title = "the environment"
    name = "other"
    agent = "gitdailies-step"
    no_key = "; set GITDAILIES_WEBHOOK_KEY"


ELSEWHERE = _Elsewhere()


def detect(platforms: Sequence[Platform], environ: Mapping[str, str]) -> Platform:
    """Return the first of *platforms* whose marker is set, or ELSEWHERE."""
    for platform in platforms:
        marker = given(environ.get(platform.marker))
        if marker and marker.lower() != "false":
            return platform
    return ELSEWHERE
