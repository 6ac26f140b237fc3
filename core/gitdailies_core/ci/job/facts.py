"""Plain values about a job: the platform's facts, and the resulting deploys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.times import parse, text_of

# Texts that mean no value: CircleCI writes `<nil>`, Helm and GitLab `<no value>`, JSON null,
# JavaScript undefined, Python None.
_NO_VALUE = frozenset({"", "<nil>", "nil", "<no value>", "null", "undefined", "none"})
# A reference that was not replaced. Azure leaves an unknown one as a dollar and parentheses. Octopus
# has a number sign before the braces. No comment here shows that, because Octopus replaces it in scripts.
_UNFILLED = r"^(\$\(.*\)|\$?\$\{.*\}|#\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|<<.*>>)$"
_HEADS, _TAGS = "refs/heads/", "refs/tags/"
# GitHub's merge queue builds a branch of its own, named after the one that it merges into.
_QUEUE = "gh-readonly-queue/"
_HEXADECIMAL = "0123456789abcdefABCDEF"

SUCCEEDED = frozenset({"success", "succeeded", "successful", "succeededwithissues", "passed", "ok", "0"})
UNSUCCESSFUL = frozenset(
    {
        *("failure", "failed", "fail", "error", "errored", "broken", "unstable", "1"),
        *("cancelled", "canceled", "aborted", "abandoned", "skipped", "not_built", "timed_out"),
    }
)


def given(text: str | None) -> str | None:
    """Return *text* without spaces and line ends around it, or None if it means no value."""
    text = (text or "").strip()
    return None if text.lower() in _NO_VALUE else text


def filled_in(name: str, text: str | None) -> str | None:
    """Return *text* like `given`. Raises UsageError for a reference that nothing filled in."""
    text = given(text)
    if text and text[0] in "$#<" and re.match(_UNFILLED, text):
        raise UsageError(f"{name}: expected a value, got {got(text)}, which nothing filled in")
    return text


def full_sha(text: str | None) -> str | None:
    """Return *text* in lower case if it is a full commit SHA that is not all zeros."""
    text = given(text)
    whole = text and len(text) in (40, 64) and not text.strip(_HEXADECIMAL) and text.strip("0")
    return text.lower() if text and whole else None


def branch_of(ref: str | None) -> str | None:
    """Return the branch that *ref* names, or None for a tag, another kind of ref or a commit.

    For a branch of GitHub's merge queue it is the branch that the queue merges into.
    """
    ref = None if full_sha(ref) else given(ref)
    if ref and ref.startswith(_HEADS):
        ref = ref[len(_HEADS) :] or None
    if ref and ref.startswith(_QUEUE):
        return ref[len(_QUEUE) :].rpartition("/pr-")[0] or None
    return None if ref and ref.startswith("refs/") else ref


def tag_of(ref: str | None) -> str | None:
    """Return the tag of `refs/tags/NAME`, None for any other ref."""
    ref = given(ref)
    return ref[len(_TAGS) :] if ref and ref.startswith(_TAGS) else None


def repo_of(address: str | None) -> str | None:
    """Return `owner/name` of a repository's address, or None."""
    return slug(address) if address else None


def are_two(one: str | None, other: str | None) -> bool:
    """Whether both are known, and not the name of one repository. Hosts ignore the case."""
    return bool(one and other and one.lower() != other.lower())


def later_attempt(text: str | None) -> str | None:
    """Return the number of an attempt, or None for the first one and for none."""
    text = given(text)
    return None if text and text.isdecimal() and int(text) < 2 else text


def commit(sha: Any, time: Any) -> dict[str, Any] | None:
    """Return an entry of `commits`, without a time that cannot be read. Returns None for no commit."""
    name = full_sha(sha) if isinstance(sha, str) else None
    moment = readable_time(time)
    return {"sha": name, **({"time": moment} if moment else {})} if name else None


def value_at(payload: Mapping[str, Any], paths: str) -> str | None:
    """Return the first text or number that one of *paths* leads to, or None."""
    for path in paths.split():
        value: Any = payload
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        text = given(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
        if text:
            return text
    return None


def readable_time(time: Any) -> str | None:
    """Return a time in our form, or None if it cannot be read."""
    try:
        return text_of(parse(time, "time"))
    except ValueError:
        return None


# The words of `git revert`, GitHub and GitLab. With --reference, git writes a short name.
_REVERT = r"(?im)^\W*this reverts commit\s+([0-9a-f]{7,64})\b"


def undone_by(message: Any) -> tuple[str, ...]:
    """Return the commits that a commit with this message undoes."""
    # The pattern is slow on a long message, and few messages have the words.
    if not isinstance(message, str) or "this reverts commit" not in message.casefold():
        return ()
    return tuple(sha.lower() for sha in re.findall(_REVERT, message))


# How git, GitHub, GitLab, Bitbucket and people write the message of a merge: Merge feature/x into main.
_MERGE = re.compile(
    r"Merge (?:pull request #|branch |branches |tag |commit |remote-tracking branch |request )|Merged in "
    r"|Merge \S+/\S+(?: into \S+)?\s*(?:\n|$)"
)


def is_merge(message: Any) -> bool:
    """Whether a message is that of a merge. A push does not list the parents."""
    return isinstance(message, str) and _MERGE.match(message) is not None


def reverts_of(commits: Iterable[tuple[Any, tuple[str, ...]]]) -> tuple[str, ...]:
    """Return what commits undo together: *commits* are pairs of name and undone commits, newest first.

    A revert that a newer one of them undoes does not count.
    """
    found: dict[str, None] = {}
    for sha, undone in commits:
        name = sha.lower() if isinstance(sha, str) else ""
        if not any(name.startswith(one) for one in found):
            found.update(dict.fromkeys(undone))
    return tuple(found)


class Target(NamedTuple):
    """A repository at a commit, from a platform. Each value may be unknown.

    no_branch  why there is no branch, most often a tag. Then git's branch is not used
    unsure     why the platform knows none, if git may
    foreign    the branch of a fork, which is none of the repository's
    commits    the new ones that the platform knows
    before     the commit that the branch was at before
    reverts    the commits that the new ones undo
    notes      lines for the log. The error about a missing commit has them, too
    warnings   lines for the log about what may be wrong
    """

    repo: str | None = None
    sha: str | None = None
    branch: str | None = None
    no_branch: str | None = None
    unsure: str | None = None
    foreign: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, Any], ...] = ()
    before: str | None = None
    reverts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Run(NamedTuple):
    """The run of a pipeline that deployed.

    id       names it, the same at every attempt and for every reporter
    attempt  which attempt of it; None is the first
    named    what the ids of its deploys are made of: by default the run, and a later attempt
    """

    id: str
    attempt: str | None = None
    named: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """What the ids of its deploys are made of: one text, or two."""
        return self.named or ((self.id, self.attempt) if self.attempt else (self.id,))


class Start(NamedTuple):
    """What started a run.

    trigger       what a deploy says about it, or None if that is not known for certain
    names_commit  whether it names the commit to deploy; None if the platform does not say what it was
    elsewhere     whether the deploy was made elsewhere, so that the job's checkout says nothing about it
    """

    trigger: str | None = None
    names_commit: bool | None = None
    elsewhere: bool = False


class Starts:
    """The starts that platforms name."""

    PUSHED, TAGGED = Start("push", True), Start("tag", True)
    SCHEDULED, BY_HAND = Start("schedule", False), Start("manual", False)
    # By hand, for the commit of an earlier run.
    PROMOTED = Start("manual", True)
    # Such as a pull request or a deployment: the run is of its commit.
    OF_A_COMMIT, OF_NO_COMMIT = Start("other", True), Start("other", False)
    # A push or a tag, where a later attempt, a forced push or a tag that was moved looks the same.
    PERHAPS_PUSHED = Start(None, True)


class Resource(NamedTuple):
    """What another pipeline built and the run may deploy: a commit, its branch, and the remedy if it does."""

    name: str
    sha: str
    branch: str | None
    remedy: str


class Facts(NamedTuple):
    """What a platform knows about the running job.

    run          the run that deployed
    start        what started it, and `rerun` whether this is a later attempt
    own          the commits that the platform itself checks out for it
    resource     what another pipeline built, which it may deploy instead
    environment  its name on the platform, and `tier` what the platform says it is for
    pull         the open pull or merge request that the job is of
    status       the platform's word for the result, and `status_of` for what it is the result of
    skip         why the run deployed nothing
    remedy       what to do, besides setting an input, if the repository or the commit is unknown
    """

    targets: tuple[Target, ...] = (Target(),)
    run: Run | None = None
    start: Start = Start()
    rerun: bool = False
    own: frozenset[str] = frozenset()
    resource: Resource | None = None
    environment: str | None = None
    service: str | None = None
    type: str | None = None
    tier: str | None = None
    pull: str | None = None
    url: str | None = None
    time: str | None = None
    status: str | None = None
    status_of: str = "the job"
    skip: str | None = None
    remedy: str = ""


class Variables:
    """The environment, and the event's payload, `{}` if there is none.

    A value that means no value is None. `used` has the variables that had a value.
    """

    def __init__(self, environ: Mapping[str, str], event: Any = None) -> None:
        self._environ = environ
        self.payload: Mapping[str, Any] = event if isinstance(event, dict) else {}
        self.used: dict[str, str] = {}

    def first(self, *names: str) -> str | None:
        """Return the first of these variables that has a value."""
        for name in names:
            text = given(self._environ.get(name))
            if text:
                self.used[name] = text
                return text
        return None

    def names(self, before: str, after: str) -> list[str]:
        """Return what is between *before* and *after* in the names of the variables that have both."""
        found = [name for name in self._environ if name.startswith(before) and name.endswith(after)]
        return [name[len(before) : -len(after)] for name in found]


class Deploys(NamedTuple):
    """The deploys that a job made, at least one, and notes and warnings for the log.

    Each event has the values of a deploy by their wire names, checked, and no `kind`.
    """

    events: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Skipped(NamedTuple):
    """There is nothing to report, for this reason."""

    reason: str
