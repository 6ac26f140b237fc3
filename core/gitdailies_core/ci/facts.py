"""What goes into and comes out of the question which deploys a job made: plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.events.field_types import DEPLOY_TYPES
from gitdailies_core.values.times import parse, text_of

# What templates and pipelines write where there is nothing: CircleCI `<nil>`, Helm and GitLab
# `<no value>`, JSON null, JavaScript undefined, Python None.
_NOTHING = frozenset({"", "<nil>", "nil", "<no value>", "null", "undefined", "none"})
# A reference that nobody filled in: Azure leaves a dollar and parentheses of an unknown one; Octopus
# writes a number sign before the braces, which no comment here does, since it looks into scripts too.
_REFERENCE = re.compile(r"^(\$\(.*\)|\$?\$\{.*\}|#\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|<<.*>>)$")
_HEADS, _TAGS = "refs/heads/", "refs/tags/"
_SHA = re.compile(r"^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")

SUCCEEDED = frozenset({"success", "succeeded", "successful", "succeededwithissues", "passed", "ok", "0"})
FAILED = frozenset(
    {
        *("failure", "failed", "fail", "error", "errored", "broken", "unstable", "1"),
        *("cancelled", "canceled", "aborted", "abandoned", "skipped", "not_built", "timed_out"),
    }
)


def given(text: str | None) -> str | None:
    """Return *text* without spaces and line ends around it, or None where that means nothing."""
    text = (text or "").strip()
    return None if text.lower() in _NOTHING else text


def full_sha(text: str | None) -> str | None:
    """Return *text* in lower case if it is a whole commit name that is not all zeros."""
    text = given(text)
    return text.lower() if text and _SHA.match(text) and text.strip("0") else None


def branch_of(ref: str | None) -> str | None:
    """Return the branch that *ref* names, None where it is a tag, another kind of ref or a commit."""
    ref = None if full_sha(ref) else given(ref)
    if ref and ref.startswith(_HEADS):
        return ref[len(_HEADS) :] or None
    return None if ref and ref.startswith("refs/") else ref


def tag_of(ref: str | None) -> str | None:
    """Return the tag of `refs/tags/NAME`, None for any other ref."""
    ref = given(ref)
    return ref[len(_TAGS) :] if ref and ref.startswith(_TAGS) else None


def commit(sha: Any, time: Any) -> dict[str, str] | None:
    """Return an entry of `commits`; a time that cannot be read is left out, None for no commit."""
    name = full_sha(sha) if isinstance(sha, str) else None
    moment = readable_time(time)
    return {"sha": name, **({"time": moment} if moment else {})} if name else None


def readable_time(time: Any) -> str | None:
    """Return a time as we write it, or None for one that cannot be read."""
    try:
        return text_of(parse(time, "time"))
    except ValueError:
        return None


@dataclass(frozen=True)
class Repository:
    """A repository that a deploy is of: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


@dataclass(frozen=True)
class Inputs:
    """What somebody set by hand; build it with `make`, which refuses wrong values."""

    repos: tuple[Repository, ...] = ()
    sha: str | None = None
    branch: str | None = None
    environment: str | None = None
    service: str | None = None
    type: str | None = None
    time: str | None = None
    id: str | None = None
    status: str | None = None
    url: str | None = None
    fixes: str | None = None

    @classmethod
    def make(cls, *, repos: Iterable[str] = (), **texts: str | None) -> Inputs:
        """Read texts as they came; *repos* holds `PATH` or `PATH@SHA`, several parted by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. Raises UsageError that names the input.
        """
        read: dict[str, Any] = {}
        for name, text in texts.items():
            if name not in cls.__annotations__ or name == "repos":
                raise TypeError(f"Inputs.make() has no input {name!r}")
            read[name] = _filled_in(name, text)
        paths = [part for text in repos for part in re.split(r"[\s,]+", text) if given(part)]
        _check(read)
        return cls(repos=tuple(_repository(path) for path in paths), **read)


def _filled_in(name: str, text: str | None) -> str | None:
    text = given(text)
    if text and _REFERENCE.match(text):
        raise UsageError(f"{name}: expected a value, got {got(text)}, which nothing filled in")
    return text


def _check(read: dict[str, Any]) -> None:
    sha, time, status = read.get("sha"), read.get("time"), read.get("status")
    if sha:
        read["sha"] = _whole(sha, "sha")
    if time:
        try:
            read["time"] = text_of(parse(time, "time"))
        except ValueError as error:
            raise UsageError(str(error)) from None
    if status and status.lower() not in SUCCEEDED | FAILED:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(status)}")
    if read.get("type") not in (None, *DEPLOY_TYPES):
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(read['type'])}")


def _repository(text: str) -> Repository:
    path, at, sha = _filled_in("repo", text).partition("@")  # type: ignore[union-attr]
    path = path.strip("/")
    if "://" in text or not all(path.split("/")) or "/" not in path:
        raise UsageError(f"repo: expected a repository like larkspur/checkout-api, got {got(text)}")
    return Repository(path, _whole(sha, "repo") if at else None)


def _whole(sha: str, where: str) -> str:
    name = full_sha(sha)
    if not name:
        raise UsageError(
            f"{where}: expected a commit of 40 or 64 hexadecimal digits, got {got(sha)}; "
            "git rev-parse prints them in full"
        )
    return name


@dataclass(frozen=True)
class GitFacts:
    """What the checkout says of its HEAD; `commits` newest first, without merges.

    `commits` is empty for a shallow clone, which does not tell what came before, and `cut`
    tells that there are more than were read.
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    cut: bool = False


@dataclass(frozen=True)
class Target:
    """A repository at a commit, as a platform tells it; each of it may be unknown.

    `no_branch` says why there is no branch, a tag above all; then none is taken from git. The
    log gets `notes`, and so does the error where the commit is missing.
    """

    repo: str | None = None
    sha: str | None = None
    branch: str | None = None
    no_branch: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    cut: bool = False
    notes: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Target:
        """Return it with other values."""
        return Target(**{**{name: getattr(self, name) for name in Target.__annotations__}, **changes})


@dataclass(frozen=True)
class Facts:
    """What a platform tells of the job that runs.

    run      names the run, the same when a job of it is run again
    status   the platform's word for how it went, `status_of` for what that word is about
    skip     why the run deployed nothing
    remedy   what to do, beside setting an input, where repository or commit are unknown
    """

    targets: tuple[Target, ...] = (Target(),)
    run: str | None = None
    environment: str | None = None
    url: str | None = None
    time: str | None = None
    status: str | None = None
    status_of: str = "the job"
    skip: str | None = None
    remedy: str = ""


class Variables:
    """The environment, read with care: what means nothing is None."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def first(self, *names: str) -> str | None:
        """Return the first of these variables that says something."""
        return next((text for text in map(given, map(self._environ.get, names)) if text), None)


@dataclass(frozen=True)
class Deploys:
    """The deploys that a job made, at least one, and what the log should say beside them.

    `lacking` tells that git might know more: there is neither `commits` nor `commitTime`.
    """

    platform: str
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    lacking: bool = False


@dataclass(frozen=True)
class Skipped:
    """Nothing to report, and why."""

    reason: str
