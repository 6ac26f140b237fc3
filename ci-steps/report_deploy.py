"""Report a deploy to GitDailies from a CI job.

Version 0.1.0. Joined by scripts/joiner.py from files of core/gitdailies_core; change those. Each part
names its file. Standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):
    sys.exit("expected Python 3.9 or later, got %d.%d" % sys.version_info[:2])

import base64
import hashlib
import json
import os
import re
import shlex
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from json.encoder import encode_basestring_ascii
from typing import Any, Callable, NamedTuple, NoReturn
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit


# gitdailies_core/ci/job/git_url.py
# Find the slug in the address of a repository.

# https://user:token@host:8443/group/sub/name.git/, and the same with ssh://, git:// or git+ssh://. A
# password may hold an @, and a host may be an IPv6 address in brackets.
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+)"
_ADDRESS = rf"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/]*@)?{_HOST}(?::[0-9]*)?/(.*)$"
# git@host:group/name.git, as ssh has it, and [git@host:22]:group/name.git with a port. C:\\work and
# C:/work are Windows paths.
_SCP = r"^(?:[^/@:]+@)?(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]{2,}):(?!//)(.*)$"
_SCP_PORT = r"^\[(?:[^/@:\]]+@)?([^/@:\[\]]+):[0-9]+\]:(?!//)(.*)$"
# user:token@host/group/name.git and token@host/group/name.git, without a scheme.
_BARE = rf"^[^/@\s]*:[^\s]*@{_HOST}(?::[0-9]+)?/(.*)$"
_BARE_USER = rf"^[^/@:\s]+@{_HOST}/(.*)$"

# Some parts of a path do not belong to the name: `_git` and, with ssh, `v3` of Azure, and `scm` of
# Bitbucket Data Center.
_AZURE_HOSTS = ("dev.azure.com", "ssh.dev.azure.com", ".visualstudio.com")
# Their `a/scm/b/c` is a group, and no Bitbucket below a path of its own.
_NEVER_BITBUCKET_SERVER = ("github.com", "gitlab.com", "bitbucket.org")
_CODECOMMIT = "git-codecommit."


def slug(address: str) -> str | None:
    """Return `owner/name` of a repository's address, with more parts if it has subgroups.

    Returns None for a path on this machine, for an address with fewer than two parts, and for AWS
    CodeCommit, whose repositories have no owner.
    """
    address = address.strip()
    forms = (_ADDRESS, _SCP_PORT, _BARE, _SCP, _BARE_USER)
    found = next((match for match in (re.match(form, address) for form in forms) if match), None)
    if not found or address.lower().startswith(("file:", "codecommit:")):
        return None
    host, path = found.group(1).lower(), re.split(r"[?#]", found.group(2))[0].strip("/")
    if host.startswith(_CODECOMMIT):
        return None
    parts = [_decoded(part) for part in path.split("/") if part]
    if parts and parts[-1].lower().endswith(".git"):
        parts[-1] = parts[-1][: -len(".git")]
    if host.endswith(_AZURE_HOSTS):
        parts = _azure(host, parts)
    elif "_git" in parts[:-1]:
        parts = _azure_server(parts)
    elif len(parts) > 2 and parts[0] == "scm":
        parts = parts[1:]
    elif len(parts) == 4 and parts[1] == "scm" and host not in _NEVER_BITBUCKET_SERVER:
        # The server has a path of its own, such as /bitbucket.
        parts = parts[2:]
    return "/".join(parts) if len(parts) > 1 and all(parts) else None


def _decoded(part: str) -> str:
    """Return a part of a path without escapes. A repository's name can hold no space and no slash."""
    plain = unquote(part)
    return part if re.search(r"[\s/\x00-\x1f\x7f\ufffd]", plain) else plain


def _azure(host: str, parts: list[str]) -> list[str]:
    # All forms become organization/project/name.
    parts = [part for part in parts if part not in ("_git", "v3", "DefaultCollection")]
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.partition(".")[0], *parts]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*parts, parts[-1]] if len(parts) == 2 else parts


def _azure_server(parts: list[str]) -> list[str]:
    """Return collection/project/name. The server may have a path of its own before them, often `tfs`."""
    at = parts.index("_git")
    before, name = parts[:at], parts[at + 1]
    if len(before) > 1 and before[0].lower() == "tfs":
        before = before[1:]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*before[-2:], name] if len(before) > 1 else [*before, name, name]


# gitdailies_core/error_text.py
# Text for error messages: a wrong value shown safely, and the name of the setting that holds it.

# How a fault says that a value is missing.
NOTHING = "nothing"
_LONGEST = 60
_MOST_BITS = 200  # as many as 60 digits hold; Python refuses to write out very long ones


def relabel(message: str, names: Mapping[str, str]) -> str:
    """Replace the place at the start of `where: expected, got`.

    *names* maps our name of a place to the name that the reader knows, such as a command-line option.
    """
    where, colon, rest = message.partition(": ")
    return f"{names.get(where, where)}{colon}{rest}"


def relabel_all(messages: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Replace the place at the start of each message, in the same way."""
    return tuple(relabel(message, names) for message in messages)


def got(value: Any) -> str:
    """Describe *value* for the right half of `expected, got`: one short line of printable ASCII."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # repr escapes control characters, so a value cannot forge a log line; ascii because
        # a lone surrogate in a message would break whatever prints it.
        return ascii(value if len(value) <= _LONGEST else value[:_LONGEST] + "\u2026")
    if isinstance(value, (list, tuple)):
        return "a list of " + str(len(value))
    if isinstance(value, dict):
        return "an object"
    return type(value).__name__


def got_of(values: Mapping[str, Any], name: str) -> str:
    """Describe the value under *name* like `got`. Where the name is missing, it is `nothing`."""
    return got(values[name]) if name in values else NOTHING


# gitdailies_core/errors.py
# Every error that this project raises on purpose.

class GitDailiesError(Exception):
    """The root. Catching it catches every error of this project and no other."""

    status_hint = 500
    exit_code = 1


class UsageError(GitDailiesError):
    """A wrong argument or setting; nothing was sent. `complaints` has one line for each mistake."""

    status_hint = 400
    exit_code = 2

    def __init__(self, *complaints: str) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = complaints


class ConfigurationError(UsageError):
    """Wrong settings in a configuration file."""


class VariableNotSet(ConfigurationError):
    """A variable of the environment that should hold a secret does not exist."""


class MappingError(ConfigurationError):
    """A source pack, a mapping or an override that cannot be compiled.

    `places` has what is wrong (`expected X, got Y`) at each place: the names and indexes from its top.
    """

    def __init__(self, places: Mapping[tuple[str | int, ...], str]) -> None:
        super().__init__(
            *(f"{'.'.join(map(str, place)) or 'top level'}: {text}" for place, text in places.items())
        )
        self.places = places


class ProofError(GitDailiesError):
    """A delivery whose proof of origin is wrong or missing. The message gives no further detail."""

    status_hint = 401


class CertificateMissing(ProofError):
    """A delivery that cannot be proved yet: the certificate at `address` has to be fetched first."""

    status_hint = 503

    def __init__(self, address: str) -> None:
        super().__init__("the certificate that signed the delivery is not fetched yet")
        self.address = address


class UnreadableBody(GitDailiesError):
    """A body that is not JSON, or not a form although its content type says so."""

    status_hint = 400


class BodyTooLarge(UnreadableBody):
    """A body over the limit."""

    status_hint = 413


class PayloadError(GitDailiesError):
    """An authentic delivery that the adapter cannot translate."""

    status_hint = 202


class InvalidEvent(GitDailiesError):
    """An event that does not fit core's table. `field` is the wire name at fault, or empty.

    An event with several faults is one error. Its `faults` are an error for each, the first one first.
    """

    status_hint = 422
    exit_code = 2

    def __init__(self, message: str, field: str = "", faults: Sequence[InvalidEvent] = ()) -> None:
        super().__init__(message)
        self.field = field
        self._faults = tuple(faults)

    @classmethod
    def of(cls, faults: Sequence[InvalidEvent]) -> InvalidEvent:
        """Return one error for all of *faults*. There is at least one."""
        if len(faults) == 1:
            return faults[0]
        return cls("; ".join(map(str, faults)), faults[0].field, faults)

    @property
    def faults(self) -> tuple[InvalidEvent, ...]:
        return self._faults or (self,)


class RelayFault(GitDailiesError):
    """A relay that gives no answer, or one that cannot be used. `remedy` says what to do."""

    status_hint = 502

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


class RelayRefusal(RelayFault):
    """A relay that answers that the question is wrong. `reason` begins with the name of the parameter."""

    status_hint = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"it refused this request: {reason}", "Change the filter or the form.")
        self.reason = reason


class StoreUnavailable(GitDailiesError):
    """Our own store cannot be read or written. A later attempt may succeed."""

    status_hint = 503


class StoreBusy(StoreUnavailable):
    """All connections that a server may have to its store are in use."""


class DeliveryError(GitDailiesError):
    """An event was not delivered. A later attempt may succeed."""

    status_hint = 503


class TimedOut(DeliveryError):
    """No answer came in time. Another request to the same receiver may still be answered."""


class Refused(DeliveryError):
    """The receiver refused the key or the event. Sending the same again will not help."""

    exit_code = 3


# gitdailies_core/values/times.py
# Times: aware UTC datetimes in the code, RFC 3339 on the wire, microseconds at the finest.

# RFC 3339, section 5.6, with the upper-case T and Z that it recommends. Seconds end at 59
# because a datetime cannot hold a leap second. Vendors send up to nine fractional digits. The
# first line refuses times outside the years 1 to 9999 in UTC.
RFC3339 = (
    r"^(?!0000|0001-01-01T.*\+|9999-12-31T.*-)"
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$(?!\n)"
)
_COMPILED = re.compile(RFC3339)
EXPECTED_TIME = "a time like 2026-03-04T09:12:41Z"


def parse(text: Any, where: str) -> datetime:
    """Read an RFC 3339 time with a zone, as aware UTC. Digits after the sixth fractional one are cut.

    Raises ValueError that says `where: expected, got`.
    """
    match = _COMPILED.search(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(text)}")
    fraction, zone = match.group(4, 5)
    seconds = text[:19] if fraction is None else f"{text[:19]}.{fraction[1:7]:0<6}"
    try:
        # fromisoformat reads no or six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(seconds + "+00:00")
        return datetime.fromisoformat(seconds + zone).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(text)}") from None


def text_of(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with 0, 3 or 6 fractional digits as needed.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("time: expected an aware time, got a naive one")
    utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    # Without a fraction if that is zero, else with six digits.
    clock = utc.time().isoformat()
    return f"{utc.date().isoformat()}T{clock if utc.microsecond % 1000 else clock[:12]}Z"


def optional_text(moment: datetime | None) -> str | None:
    """Write *moment* like `text_of`. None stays None."""
    return None if moment is None else text_of(moment)


# gitdailies_core/ci/job/facts.py
# Plain values about a job: the platform's facts, and the resulting deploys.

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


# gitdailies_core/ci/deploys/git_facts.py
# What a checkout's git knows about a deploy, as plain values.

class GitFacts(NamedTuple):
    """What a checkout knows: its HEAD, and the log from a commit on.

    sha      HEAD, and `branch` the one that it is on
    whole    whether earlier commits were all fetched
    at       the commit that the log begins with, or "" for HEAD
    commits  entries for the event: those that landed last come first, the deployed one before all
    history  every known commit in the same order, as its name, its parents and the commits that it undoes
    has      other commits that were looked for and found
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, Any], ...] = ()
    history: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    whole: bool = True
    at: str = ""
    has: frozenset[str] = frozenset()

    @property
    def logged(self) -> str:
        """The commit that the log begins with."""
        return self.at or self.sha

    def reverts_since(self, before: str | None) -> tuple[str, ...]:
        """Return the commits that those after *before* undo. It is the newest one's first parent if unknown.

        Earlier reverts undid what earlier deploys brought, and were in these. One outside the service undid
        nothing of it.
        """
        parents = {name: above for name, above, _ in self.history}
        first = parents.get(self.logged, ())[:1]
        known, waiting = set(), [before] if before in parents else [*first]
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting += parents.get(name, ())
        known.update(entry["sha"] for entry in self.commits if entry.get("outside"))
        return reverts_of((name, undone) for name, _, undone in self.history if name not in known)


# gitdailies_core/ci/job/userinfo.py
# Remove user names and passwords from addresses (RFC 3986, section 3.2.1).

# User and password with a scheme, also where a password has a raw slash, and without a scheme.
_USER = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@"
_SLASHED = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s@:]+:(?![0-9]*(?:[/?#]|$))[^\s@]*@"
_NAKED = r"^[^/@\s]*:[^@\s]*@(?=[^@\s/]+[/:])|^(?!git@)[^/@\s:]+@(?=[^@\s/:]+[/:])"


def without_user(address: str) -> str:
    """Return *address* without user name and password. These never leave the machine."""
    return without_users(address.strip())


def without_users(text: str) -> str:
    """Return *text* without the user names and passwords of the addresses in it.

    The `git@` of ssh is no secret, and stays.
    """
    return re.sub(r"\S+", lambda found: _bare(found[0]), text) if "@" in text else text


def _bare(word: str) -> str:
    # A password may hold a comma, so a whole address comes first, and then each part of a list.
    if "@" not in word:
        return word
    for pattern in (_USER, _SLASHED):
        word = re.sub(pattern, r"\1", word)
    return ",".join(part if "://" in part else re.sub(_NAKED, "", part) for part in word.split(","))


# gitdailies_core/events/field_types.py
# The types of event fields, and the one place that checks their values.

DEPLOY_TYPES = ("deploy", "rollback", "hotfix")
TIERS = ("production", "staging", "testing", "development", "other")
# An event keeps the first ones of a longer list, and still counts.
MOST_COMMITS = 1000
MOST_REVERTS = 100
# The names that a commit of a list has.
COMMIT_NAMES = frozenset({"sha", "time", "parents", "outside"})
# A commit of a list keeps the first of its parents; git's own merges of many branches have fewer.
MOST_PARENTS = 100
# What started the run of a deploy. A forced push and what a platform does not tell apart are `other`.
TRIGGERS = ("push", "tag", "schedule", "manual", "rerun", "other")

# Characters that show nothing, or turn the direction of what stands around them: two names that differ by
# one of them look alike. A title keeps them, and pages show them escaped. Emoji need variation selectors
# (U+FE00 to U+FE0F), so these are not among them.
HIDDEN = (
    r"\u0080-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SPACES = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"

# `$(?!\n)` because Python's `$`, unlike ECMA's, also matches before a last line feed.
_SHA = r"^[0-9a-fA-F]{7,64}$(?!\n)"
_CAUSE = r"^([0-9a-fA-F]{7,64}|[nN][oO][nN][eE])$(?!\n)"
_PART = rf"[^/\u0000-\u0020\u007f{HIDDEN}{_SPACES}]+"
_REPO = rf"^{_PART}(/{_PART})+$(?!\n)"
_LINE = r"^[^\u0000-\u001f\u007f]*$(?!\n)"
_NAME = rf"^[^\u0000-\u001f\u007f{HIDDEN}]*$(?!\n)"
_ID = r"^[\u0021-\u007e]*$(?!\n)"
_URL = r"^(https?://[^\u0000-\u0020\u007f]*)?$(?!\n)"


class FieldType(NamedTuple):
    """A type of field: a pattern or a list of words, and a greatest length in characters."""

    expected: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    longest: int = 255
    form: str = "text"

    @property
    def is_list(self) -> bool:
        return self.form in ("commits", "reverts")

    def fits(self, text: str) -> bool:
        """Return whether *text* has the pattern, or is one of the words, whatever its length."""
        return text in self.words if self.words else re.search(self.pattern, text) is not None

    def accepts(self, text: str) -> bool:
        """Return whether *text* is a value of this type."""
        return len(text) <= self.longest and self.fits(text) and _encodable(text)


REPO = FieldType("a repository like 'larkspur/checkout-api'", _REPO)
SHA = FieldType("7 to 64 hexadecimal digits", _SHA, longest=64)
CAUSE = FieldType("7 to 64 hexadecimal digits, or none", _CAUSE, longest=64)
NAME = FieldType("text on one line", _NAME)
LINE = FieldType("text on one line", _LINE)
TITLE = FieldType("text on one line", _LINE, longest=1000)
IDENTIFIER = FieldType("printable ASCII without spaces", _ID)
URL = FieldType("an http or https address", _URL, longest=2000)
TIME = FieldType("a time like 2026-03-04T09:12:41Z", RFC3339, longest=40, form="time")
TYPE = FieldType("one of deploy, rollback, hotfix", words=DEPLOY_TYPES)
TIER = FieldType(f"one of {', '.join(TIERS)}", words=TIERS)
TRIGGER = FieldType(f"one of {', '.join(TRIGGERS)}", words=TRIGGERS)
ATTEMPT = FieldType("text on one line, or a whole number", _NAME, form="attempt")
REVERTS = FieldType(f"a list of at most {MOST_REVERTS} commit SHAs", longest=MOST_REVERTS, form="reverts")
PARENTS = FieldType("a list of commit SHAs", longest=MOST_PARENTS, form="reverts")
COMMITS = FieldType(f"a list of at most {MOST_COMMITS} objects with sha and time", form="commits")


def normalize(kind: FieldType, where: str, value: Any) -> Any:
    """Return *value* in the form that an event holds. Raises InvalidEvent that names the field *where*."""
    if kind.form == "time":
        return _normalize_time(value, where, where)
    if kind.form == "commits":
        return _normalize_commits(kind, where, value)
    if kind.form == "reverts":
        return _normalize_shas(kind, where, value, where)
    if kind.form == "attempt" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and kind.accepts(value):
        return value.lower() if kind is SHA or kind is CAUSE else value
    raise InvalidEvent(f"{where}: expected {kind.expected}, got {describe_misfit(kind, value)}", where)


def describe_misfit(kind: FieldType, value: Any) -> str:
    """Describe a value that the type does not accept, for the right half of `expected, got`."""
    if isinstance(value, str) and len(value) > kind.longest:
        return f"{len(value)} characters, {kind.longest} are allowed"
    if isinstance(value, str) and not _encodable(value):
        # Python reads bytes of a variable that are not UTF-8 as such halves.
        of_bytes = any("\udc80" <= letter <= "\udcff" for letter in value)
        return "characters that are not UTF-8" if of_bytes else "half of a surrogate pair"
    hidden = re.search(f"[{HIDDEN}]", value) if isinstance(value, str) and kind in (REPO, NAME) else None
    return f"the hidden character U+{ord(hidden[0]):04X} in {got(value)}" if hidden else got(value)


def _normalize_time(value: Any, where: str, field: str) -> str:
    if isinstance(value, datetime):
        return text_of(value)
    try:
        moment = parse(value, where)
        # With seconds and Z, it is that text.
        return str(value) if value[19:] == "Z" else text_of(moment)
    except ValueError as error:
        raise InvalidEvent(str(error), field) from None


def _normalize_commits(kind: FieldType, where: str, value: Any) -> list[dict[str, Any]]:
    """Return the commits that an event keeps, without other names: these are mostly of people."""
    if not isinstance(value, list):
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", where)
    commits = []
    for index, commit in enumerate(value):
        place = f"{where}[{index}]"
        if not isinstance(commit, dict):
            raise InvalidEvent(f"{place}: expected an object with sha and time, got {got(commit)}", where)
        sha = commit.get("sha")
        if not isinstance(sha, str) or not SHA.accepts(sha):
            raise InvalidEvent(f"{place}.sha: expected {SHA.expected}, got {got_of(commit, 'sha')}", where)
        entry: dict[str, Any] = {"sha": sha.lower()}
        if commit.get("time") is not None:
            entry["time"] = _normalize_time(commit["time"], f"{place}.time", where)
        if commit.get("parents") is not None:
            entry["parents"] = _normalize_shas(PARENTS, f"{place}.parents", commit["parents"], where)
        if commit.get("outside") is not None:
            if not isinstance(commit["outside"], bool):
                raise InvalidEvent(
                    f"{place}.outside: expected true or false, got {got(commit['outside'])}", where
                )
            entry["outside"] = commit["outside"]
        commits.append(entry)
    return commits[:MOST_COMMITS]


def _normalize_shas(kind: FieldType, where: str, value: Any, field: str) -> list[str]:
    """Return the SHAs that an event keeps of a list: as many as the type has."""
    if not isinstance(value, list):
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", field)
    for index, sha in enumerate(value):
        if not isinstance(sha, str) or not SHA.accepts(sha):
            raise InvalidEvent(f"{where}[{index}]: expected {SHA.expected}, got {got(sha)}", field)
    return [sha.lower() for sha in value[: kind.longest]]


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# gitdailies_core/ci/job/inputs.py
# The inputs that a user set for a deploy, each in its form. Wrong ones are refused.

# A value of `sha`: the commit of the checkout.
CHECKOUT = "checkout"


class Repository(NamedTuple):
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


def _time_input(text: str) -> str:
    try:
        return text_of(parse(text, "time"))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _status_input(text: str) -> str:
    if text.lower() not in SUCCEEDED | UNSUCCESSFUL:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(text)}")
    return text


def _type_input(text: str) -> str:
    if text not in DEPLOY_TYPES:
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(text)}")
    return text


_FORMS: Mapping[str, Callable[[str], Any]] = {
    "time": _time_input,
    "status": _status_input,
    "type": _type_input,
    "url": without_users,
    "paths": lambda text: tuple(line.strip() for line in text.splitlines() if line.strip(" \t!/")),
}


class Inputs(NamedTuple):
    """The inputs that a user set. Build them with `make`, which refuses wrong values.

    `sha` is whole, or CHECKOUT, or what a person typed. `revision` is a text that only git can read, such as
    a tag. `renamed` says that `repos` is another name of the job's repository. `no_branch` says why the
    branch that was set is none, such as a tag's ref.
    """

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
    paths: tuple[str, ...] = ()
    revision: str | None = None
    renamed: bool = False
    no_branch: str | None = None

    @classmethod
    def make(
        cls, texts: Mapping[str, str | None], *, repos: Iterable[str] = (), short: bool = False
    ) -> Inputs:
        """Read raw texts by name. *repos* holds `PATH` or `PATH@SHA`, several separated by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. If *short*, the beginning of a SHA will do.
        Raises UsageError with a complaint for each wrong input.
        """
        read: dict[str, Any] = {}
        complaints: list[str] = []
        for name, text in texts.items():
            if name not in cls._fields or name in ("repos", "revision", "renamed", "no_branch"):
                raise TypeError(f"Inputs has no input {name!r}")
            try:
                read[name] = filled_in(name, text)
                if read[name] and name in _FORMS:
                    read[name] = _FORMS[name](read[name])
            except UsageError as error:
                complaints += error.complaints
        found: list[Repository] = []
        for text in repos:
            try:
                if given(text):
                    found += _repositories(text, short)
            except UsageError as error:
                complaints += error.complaints
        if complaints:
            raise UsageError(*complaints)
        read["sha"], read["revision"] = _commit_of(read.get("sha"), short)
        read["paths"] = read.get("paths") or ()
        if read.get("branch"):
            branch = branch_of(read["branch"])
            if not branch:
                read["no_branch"] = f"{got(read['branch'])} was set, which is no branch"
            read["branch"] = branch
        return cls(repos=tuple(found), **read)


def _repositories(text: str, short: bool) -> Iterator[Repository]:
    # Users and passwords are removed before the text is split, because a password may hold a comma.
    parts, given_parts = (one.replace(",", " ").split() for one in (without_users(text), text))
    for part in filter(given, parts):
        # What had a user was an address, also without a scheme.
        yield _repository(part if part in given_parts or "://" in part else f"https://{part}", short)


def _repository(text: str, short: bool) -> Repository:
    path, at, sha = filled_in("repo", text).partition("@")  # type: ignore[union-attr]
    path = path.strip("/")
    if "://" in text or ":" in path or not all(path.split("/")) or "/" not in path:
        named = repo_of(text)
        remedy = f"; did you mean {named}" if named else ""
        raise UsageError(f"repo: expected a repository like larkspur/checkout-api, got {got(text)}{remedy}")
    return Repository(path, _commit_sha(sha, short) if at else None)


def _commit_of(text: str | None, short: bool) -> tuple[str | None, str | None]:
    """Return the commit that *text* names, and what git may know better."""
    if not text or text.lower() == CHECKOUT:
        return text and CHECKOUT, None
    whole = full_sha(text)
    if whole:
        return whole, None
    typed = text.lower() if short and SHA.accepts(text) and text.strip("0") else None
    return typed, text


def no_commit(text: str, where: str) -> UsageError:
    """Return the error about a text that names no commit."""
    return UsageError(
        f"{where}: expected a commit of 40 or 64 hexadecimal digits, got {got(text)}; "
        "git rev-parse prints them in full"
    )


def _commit_sha(sha: str, short: bool) -> str:
    name, _ = _commit_of(given(sha), short)
    if name and name != CHECKOUT:
        return name
    if short:
        raise UsageError(f"repo: expected a commit of {SHA.expected}, got {got(sha)}")
    raise no_commit(sha, "repo")


# gitdailies_core/ci/deploys/origins.py
# Where each value of a deploy comes from: an input, a variable, the event's payload, or a command of git.

_GIT = {
    "repo": "git config --get remote.origin.url",
    "commitSHA": "git rev-parse HEAD",
    "branch": "git rev-parse --symbolic-full-name HEAD",
}


def origins(
    event: Mapping[str, Any],
    inputs: Inputs,
    names: Mapping[str, str],
    variables: Variables,
    git: GitFacts | None,
) -> Iterator[str]:
    """Yield a line for each of the values that decide how a deploy counts.

    *names* are the names of inputs on the platform, and *variables* know what was read.
    """
    given = {
        "repo": next((one.path for one in inputs.repos if one.path == event["repo"]), None),
        "commitSHA": inputs.sha if inputs.sha != CHECKOUT else None,
        "branch": inputs.branch,
        "environment": inputs.environment,
        "service": inputs.service,
    }
    from_git = git is not None and event["commitSHA"] == git.sha
    for field, name in (
        *(("repo", "repository"), ("commitSHA", "commit"), ("branch", "branch")),
        *(("environment", "environment"), ("service", "service"), ("run", "run")),
    ):
        value = event.get(field)
        if value is None:
            yield f"debug: {name}: none"
            continue
        input_ = {"commitSHA": "sha"}.get(field, field)
        found = names.get(input_, input_) if given.get(field) == value else None
        found = found or _variable(field, value, variables) or _path(variables.payload, value)
        if field == "commitSHA":
            from_git = from_git and (found is None or inputs.sha == CHECKOUT)
        if field == "branch" and from_git and given["branch"] is None:
            # The branch is that of the checkout, whatever else has its name.
            found = _GIT[field]
        yield f"debug: {name}: {value}, from {found or _GIT.get(field, 'the platform')}"
    commits = event.get("commits")
    logged = git is not None and git.commits and git.logged == event["commitSHA"]
    source = f"git log {event['commitSHA'][:7]}" if logged else "the event's payload"
    yield f"debug: commits: {len(commits)}, from {source}" if commits else "debug: commits: none"


def _variable(field: str, value: str, variables: Variables) -> str | None:
    """Return the variable that a value was read from, or the two that hold its parts."""
    for name, text in variables.used.items():
        known = {text, text.lower(), branch_of(text), repo_of(text) if field == "repo" else None}
        if value in known or (field == "run" and value.partition(":")[2] == text[-200:]):
            return name
    parts = [
        next((name for name, text in variables.used.items() if text == one), None) for one in value.split("/")
    ]
    return " and ".join(str(part) for part in parts) if len(parts) > 1 and all(parts) else None


def _path(payload: Any, value: str, before: str = "") -> str | None:
    """Return the path in the event's payload where a value is, or None."""
    if not isinstance(payload, Mapping):
        return None
    for name in payload:
        text = value_at(payload, name) if isinstance(name, str) else None
        if text is not None and value in (text, text.lower(), branch_of(text)):
            return f"the payload's {before}{name}"
    inner = (_path(one, value, f"{before}{name}.") for name, one in payload.items())
    return next((path for path in inner if path), None)


# gitdailies_core/events/kind.py
# A kind of event with its fields, and the kind that a CI step sends: a deploy.

DEPLOYED = "deployed"


class Field(NamedTuple):
    """A field of a kind: its wire name, its type, and whether GitDailies documents it."""

    name: str
    type: FieldType
    about: str
    required: bool = False
    documented: bool = False


class Kind:
    """A kind of event: its wire word, its fields and an example. It does not change."""

    def __init__(self, word: str, title: str, fields: tuple[Field, ...], example: Mapping[str, Any]) -> None:
        self.word = word
        self.title = title
        self.fields = fields
        self.example = example
        # The wire names of the fields, and `kind`; the fields that hold a list; the names without theirs.
        self.names = frozenset({"kind", *(field.name for field in fields)})
        self.lists = tuple(field for field in fields if field.type.is_list)
        self.names_without_lists = self.names - {field.name for field in self.lists}

    def field(self, name: str) -> Field | None:
        """Find a field by its wire name. Returns None if the kind has no such field."""
        return next((field for field in self.fields if field.name == name), None)

    def checked(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of this kind's fields, by wire name. null and "" mean not given.

        Raises InvalidEvent that names each wrong field, the expected value and the actual one.
        """
        values: dict[str, Any] = {}
        faults: list[InvalidEvent] = []
        for field in self.fields:
            name, value = field.name, body.get(field.name)
            if value is not None and value != "":
                try:
                    values[name] = normalize(field.type, name, value)
                except InvalidEvent as error:
                    faults.append(error)
            elif field.required:
                fault = f"{name}: expected {field.type.expected}, got {got_of(body, name)}"
                faults.append(InvalidEvent(fault, name))
        if faults:
            raise InvalidEvent.of(faults)
        return values


REPO_FIELD = Field("repo", REPO, "the repository, as owner/name", required=True, documented=True)
ENVIRONMENT = Field(
    "environment", NAME, "where it happened; left out, it counts as production", documented=True
)
TIME_FIELD = Field("time", TIME, "when it happened; left out, the moment of the call", documented=True)
IDENTITY = Field("id", IDENTIFIER, "names this event; the same at every attempt, so that it counts once")
SERVICE = Field("service", NAME, "the service, where a repository holds several")
EVENT_URL = Field("url", URL, "a page about it")

DEPLOY = Kind(
    word=DEPLOYED,
    title="deploy occurred",
    fields=(
        REPO_FIELD,
        Field("commitSHA", SHA, "the commit that was deployed", required=True, documented=True),
        ENVIRONMENT,
        Field("branch", LINE, "the branch it was built from", documented=True),
        TIME_FIELD,
        IDENTITY,
        SERVICE,
        Field("run", NAME, "the pipeline run, the same at every attempt; `github-actions:9912004455`"),
        Field("attempt", ATTEMPT, "which attempt of the run this is; left out, the first"),
        Field("reporter", NAME, "what reported the deploy; `step/github-actions`"),
        Field("trigger", TRIGGER, "what started the run; a slow job of a push is no rollback"),
        Field("tier", TIER, "what the environment is for, whatever its name"),
        Field("type", TYPE, "what kind of deploy; left out, deploy"),
        EVENT_URL,
        Field(
            "commits",
            COMMITS,
            "the commits it brought, newest first, for the lead time; the first 1000 count. `parents` are the"
            " SHAs of a commit's parents: send them, or leave merges out, which else count as commits."
            " `outside` marks one that touches nothing of the service",
        ),
        Field("commitTime", TIME, "when the deployed commit was made, where `commits` is not known"),
        Field("fixes", NAME, "the id of the incident that it fixes"),
        Field("reverts", REVERTS, "the commits that its commits undo; the first 100 count"),
    ),
    example={
        "kind": DEPLOYED,
        "repo": "larkspur/checkout-api",
        "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
        "branch": "main",
        "environment": "production",
        "time": "2026-03-04T08:55:12Z",
        "id": "deploy-2026-03-04-1",
    },
)


# gitdailies_core/events/receivers.py
# The receivers of events: GitDailies as it is documented, and ours. What is sent to each, by what name.

KEY_HEADER = "webhook-key"
ID_HEADER = "Idempotency-Key"
OURS = "ours"
DOCUMENTED = "documented"
RECEIVERS = (DOCUMENTED, OURS)
# Keys of our own DORA server begin with this. A CI job can so tell the receiver from the key.
OUR_KEY_PREFIX = "gdk_"


def taken(kind: Kind, receiver: str) -> frozenset[str]:
    """Return the wire names of a kind's fields that *receiver* takes, and `kind`."""
    return frozenset({"kind", *(field.name for field in kind.fields if receiver == OURS or field.documented)})


# gitdailies_core/ci/reporting/report.py
# The report of a CI step on any platform: its outcome, lines for the log, and an exit code.

REPORTED, SKIPPED, DRY_RUN, FAILED = "reported", "skipped", "dry-run", "failed"

DONE, NOT_DELIVERED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4


# The options of `gitdailies deploy` by the fields of an event. It reads commits from its checkout.
OPTIONS: Mapping[str, str] = {
    "repo": "--repo",
    "commitSHA": "--sha",
    "environment": "--environment",
    "branch": "--branch",
    "service": "--service",
    "type": "--type",
    "tier": "--tier",
    "run": "--run",
    "attempt": "--attempt",
    "trigger": "--trigger",
    "reporter": "--reporter",
    "fixes": "--fixes",
    "url": "--page",
    "time": "--time",
    "id": "--id",
}


class Attempted(NamedTuple):
    """An event and the result of sending it. `code` is the exit code for this event alone.

    `message` is one line and never contains the key. `check` names the input that is probably wrong, or is
    empty. `note` is a further line for the log. `body` is what a receiver answered that took it.
    """

    event: Mapping[str, Any]
    code: int
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""
    note: str = ""
    body: Any = None


class Report(NamedTuple):
    """How a step ended.

    lines      messages for the log, each on one line, the most important last
    reason     why nothing was reported, or ""
    code       the exit code if the step is set to fail on an error
    payload    the events in the receiver's form: JSON, a list if there are several
    notes      lines for the log about what is not obvious
    warnings   lines for the log about what should be changed, although nothing went wrong
    """

    outcome: str
    lines: tuple[str, ...]
    reason: str = ""
    code: int = DONE
    http_status: int | None = None
    payload: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong: the deploy was reported or rightly skipped, or this was a dry run."""
        return self.code == DONE


def body_of(event: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    """Return a deploy as the JSON object that *receiver* takes."""
    return {name: event[name] for name in event if name in taken(DEPLOY, receiver)} | {"kind": DEPLOY.word}


def skipped(found: Skipped) -> Report:
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)


def dry_run(
    events: Sequence[Mapping[str, Any]], receiver: str, notes: Sequence[str], warnings: Sequence[str]
) -> Report:
    """Return the report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event, receiver)}" for event in events)
    payload = _payload(events, receiver)
    return Report(DRY_RUN, lines, payload=payload, notes=tuple(notes), warnings=tuple(warnings))


def attempted(
    results: Sequence[Attempted],
    receiver: str,
    notes: Sequence[str],
    warnings: Sequence[str],
    names: Mapping[str, str],
    *,
    time: str,
    paths: Sequence[str] = (),
    keyless: bool = False,
) -> Report:
    """Return the report of events that were sent. Some of them may have failed.

    *names* maps our names of inputs to the platform's, if it has other names. *time* is when the deploys
    were reported, and *paths* the files of the service. A *keyless* job has no key that sends them later.
    """
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    lines = [_line(result, receiver, names) for result in results if result not in failed]
    lines += [_line(result, receiver, names) + _later(result, time, paths, keyless) for result in failed]
    return Report(
        outcome=FAILED if failed else REPORTED,
        lines=tuple(lines),
        reason="; ".join(_line(result, receiver, names) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], receiver),
        notes=(*notes, *(result.note for result in results if result.note)),
        warnings=tuple(relabel(warning, names) for warning in warnings),
    )


def left_out(inputs: Inputs, receiver: str) -> list[str]:
    """Return a note about the inputs that were set and that the receiver does not get."""
    names = [
        name
        for name in ("service", "type", "fixes", "url")
        # A deploy of the usual type loses nothing.
        if getattr(inputs, name) not in (None, DEPLOY_TYPES[0]) and name not in taken(DEPLOY, receiver)
    ]
    if not names:
        return []
    return [f"not sent: {', '.join(names)}, because the receiver takes the documented fields alone"]


def refused(error: Exception, names: Mapping[str, str]) -> Report:
    """Return the report of an error before anything was sent. A foreign error is a fault of the step itself.

    *names* maps our names of inputs to the platform's, if it has other names.
    """
    ours = isinstance(error, GitDailiesError)
    complaints = error.complaints if isinstance(error, UsageError) else (str(error),)
    reason = (
        "; ".join(relabel_all(complaints, names))
        if ours
        else f"the step itself failed ({type(error).__name__}: {error})"
    )
    reason = " ".join(reason.split())
    code = error.exit_code if isinstance(error, GitDailiesError) else NOT_DELIVERED
    return Report(FAILED, (f"deploy not reported: {reason}",), reason, code)


def _line(result: Attempted, receiver: str, names: Mapping[str, str]) -> str:
    what = _deploy(result.event, receiver)
    if result.code != DONE:
        check = f"; check {names.get(result.check, result.check)}" if result.check else ""
        return f"not reported: {what}: {result.message}{check}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {what}{again}"


def _later(result: Attempted, time: str, paths: Sequence[str], keyless: bool) -> str:
    """Return the command that sends an event later, unless the receiver would refuse it again."""
    if result.code == REFUSED and not result.check:
        return ""
    event = {"time": time, **result.event}
    words = [word for name, option in OPTIONS.items() if event.get(name) for word in (option, event[name])]
    words += [word for path in paths for word in ("--paths", path)]
    where = f", in a clone of {event['repo']} for its commits" if event.get("commits") else ""
    by = ", with a webhook key" if keyless else ""
    return f". To send it later{by}{where}: {shlex.join(['gitdailies', 'deploy', *words])}"


def _deploy(event: Mapping[str, Any], receiver: str) -> str:
    sent = body_of(event, receiver)
    service = f" ({sent['service']})" if "service" in sent else ""
    environment = f" to {sent['environment']}" if "environment" in sent else ""
    return f"{sent.get('type', 'deploy')} of {sent['repo']}{service} at {sent['commitSHA'][:7]}{environment}"


def _payload(events: Sequence[Mapping[str, Any]], receiver: str) -> str:
    bodies = [body_of(event, receiver) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))


# gitdailies_core/values/secret.py
# A secret that no log, message or pickle shows.

class Secret:
    """A key, token or signing secret. Only `reveal()` returns its text.

    Its repr hides the text, it cannot be pickled, and it compares in constant time.
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text: str, origin: str = "") -> None:
        self._text = text
        # Where the secret was read from, such as "env PAGERDUTY_SECRET". Messages name this.
        self.origin = origin

    def reveal(self) -> str:
        """Return the text, for a header or a signature. Never put it into a message."""
        return self._text

    def matches(self, given: bytes) -> bool:
        """Compare with *given* in constant time."""
        # A step compares no secret, and does not wait for the import.
        import hmac

        return hmac.compare_digest(self._text.encode(), given)

    def __repr__(self) -> str:
        return f"Secret({self.origin or '***'})"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)


def redact(text: str, *secrets: Any) -> str:
    """Replace each of *secrets* in *text* by `***`. Use it on text that another program wrote."""
    for secret in secrets:
        plain = secret.reveal() if isinstance(secret, Secret) else secret
        if plain:
            text = text.replace(plain, "***")
    return text


# gitdailies_core/ci/reporting/settings.py
# The settings of a step besides the deploy itself: the address, the key, timeouts and retries.

# Every step has these inputs. Each platform names them by its own conventions.
DEPLOY_INPUTS = (
    "repo",
    "sha",
    "branch",
    "environment",
    "service",
    "type",
    "time",
    "id",
    "status",
    "url",
    "fixes",
    "paths",
)
STEP_INPUTS = (
    "path",
    "webhook-url",
    "webhook-key",
    "auth",
    "receiver",
    "timeout",
    "retries",
    "dry-run",
    "debug",
    "fail-on-error",
)
INPUTS = (*DEPLOY_INPUTS, *STEP_INPUTS)

# By a webhook key, or by an ID token that the platform makes for the job.
AUTH_KEY, AUTH_OIDC = "key", "oidc"
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Settings(NamedTuple):
    """A step's settings. Build them with `make`."""

    inputs: Inputs
    path: str | None
    url: str | None
    key: Secret
    oidc: bool
    receiver: str
    timeout_seconds: float
    retries: int | None
    dry_run: bool
    debug: bool

    @classmethod
    def make(cls, texts: Mapping[str, str | None]) -> Settings:
        """Read texts by the names of `DEPLOY_INPUTS` and `STEP_INPUTS`. A missing name means not given.

        Raises UsageError that names the input.
        """
        key = Secret((texts.get("webhook-key") or "").strip(), "webhook-key")
        dry_run = flag(texts, "dry-run")
        # The end of the process reads this input. A wrong value is reported here like any other.
        flag(texts, "fail-on-error")
        auth = (given(texts.get("auth")) or AUTH_KEY).lower()
        if auth not in (AUTH_KEY, AUTH_OIDC):
            raise UsageError(f"auth: expected {AUTH_KEY} or {AUTH_OIDC}, got {got(auth)}")
        is_ours = key.reveal().startswith(OUR_KEY_PREFIX) if key else dry_run or auth == AUTH_OIDC
        receiver = given(texts.get("receiver")) or (OURS if is_ours else DOCUMENTED)
        if receiver not in RECEIVERS:
            raise UsageError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        return cls(
            inputs=Inputs.make(
                {name: texts.get(name) for name in DEPLOY_INPUTS if name != "repo"},
                repos=[texts.get("repo") or ""],
            ),
            path=given(texts.get("path")),
            url=given(texts.get("webhook-url")),
            key=key,
            oidc=auth == AUTH_OIDC,
            receiver=receiver,
            timeout_seconds=_number(texts, "timeout", default=10.0, least=0.1, most=300),
            retries=_retries(texts),
            dry_run=dry_run,
            debug=flag(texts, "debug"),
        )


def flag(texts: Mapping[str, str | None], name: str) -> bool:
    """Read true or false. The default is false. Raises UsageError."""
    word = (given(texts.get(name)) or "false").lower()
    if word not in TRUE + FALSE:
        raise UsageError(f"{name}: expected true or false, got {got(word)}")
    return word in TRUE


def _retries(texts: Mapping[str, str | None]) -> int | None:
    # Without a number, the step retries until its time is over.
    number = _number(texts, "retries", default=-1, least=0, most=10)
    return None if number < 0 else int(number)


def _number(
    texts: Mapping[str, str | None], name: str, *, default: float, least: float, most: float
) -> float:
    text = given(texts.get(name))
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not least <= number <= most or (isinstance(default, int) and number % 1):
        whole = "whole number" if isinstance(default, int) else "number"
        raise UsageError(f"{name}: expected a {whole} from {least:g} to {most:g}, got {got(text)}")
    return number


# gitdailies_core/events/near_names.py
# Names that are probably typing errors of known ones. Pure.

# Other usual words: for each, the names that it may mean; the first that is known counts.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "timestamp": ("time",),
    "date": ("time",),
    "sha": ("commitSHA",),
    "commit": ("commitSHA", "sha"),
    "commit_sha": ("commitSHA", "sha"),
    "env": ("environment",),
    "repository": ("repo",),
    "ref": ("branch",),
}
_FEWEST_LETTERS, _TWO_EDITS_FROM = 4, 8
# No name of a field is longer, and comparing takes quadratic time.
_LONGEST_COMPARED = 40


def meant(name: str, known: frozenset[str], foreign: frozenset[str] = frozenset()) -> str:
    """Return the name of *known* that *name* probably means, or "".

    *foreign* are names of other kinds: they mean themselves.
    """
    if name in known or name in foreign or len(name) > _LONGEST_COMPARED:
        return ""
    return _meant(name, known)


@lru_cache(maxsize=4096)
def _meant(name: str, known: frozenset[str]) -> str:
    letters = _letters(name)
    for one in sorted(known):
        if _letters(one) == letters:
            return one
    for alias, fields in ALIASES.items():
        if _letters(alias) == letters:
            return next((field for field in fields if field in known), "")
    if len(name) < _FEWEST_LETTERS:
        return ""
    # Folding makes two letters of some, such as the German sharp s.
    forms = {name, name.casefold()}
    close = [
        (min(_edits(form, to) for form in forms for to in {one, one.casefold()}), one)
        for one in sorted(known)
        if len(one) >= _FEWEST_LETTERS
    ]
    close = [(edits, one) for edits, one in close if edits <= (2 if len(one) >= _TWO_EDITS_FROM else 1)]
    return min(close)[1] if close else ""


def _letters(name: str) -> str:
    return name.strip().replace("_", "").replace("-", "").casefold()


def _edits(one: str, other: str) -> int:
    """Count insertions, deletions, substitutions and swaps of neighbors."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, there in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != there))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == there:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]


# gitdailies_core/ci/reporting/console.py
# How a step meets its job, unless its platform has other ways: variables as inputs, and a plain log.

PREFIX = "GITDAILIES_"

_TITLE = "GitDailies"
# Other keys have names close to that of the key, and that of GitLab's ID token is close to `id`.
_OTHERS = ("webhook", "id_token")


def variables(prefix: str = PREFIX) -> dict[str, str]:
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}


def texts(environ: Mapping[str, str], prefix: str = PREFIX) -> dict[str, str]:
    """Return the raw text of each input, by name: from its variable, else from GITDAILIES_NAME."""
    own = variables()
    read = {name: environ.get(variable, "") for name, variable in variables(prefix).items()}
    return {name: text if text.strip() else environ.get(own[name], "") for name, text in read.items()}


def refuse_misspelled(environ: Mapping[str, str]) -> None:
    """Raise UsageError for variables whose names are close to those of inputs.

    Otherwise a typing error turns a deploy to staging into one to production. A missing key is an error by
    itself.
    """
    known = frozenset(name.replace("-", "_") for name in INPUTS)
    complaints = []
    for variable, text in environ.items():
        name = variable[len(PREFIX) :].lower()
        if not text.strip() or not variable.upper().startswith(PREFIX) or name.startswith(_OTHERS):
            continue
        right = PREFIX + (name if name in known else meant(name, known)).upper()
        if right not in (PREFIX, variable):
            complaints.append(f"{variable}: this variable does not exist; did you mean {right}?")
    if complaints:
        raise UsageError(*complaints)


def strict(inputs: Mapping[str, str]) -> bool:
    """Whether an error fails the job. A wrong value means no; the report has an error about it."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False


def messages(report: Report) -> list[str]:
    """Return the log's messages about a report. A dry run also shows the payload."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.warnings, *report.lines, *payload]


def lines(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Many logs have no colors, so a word marks what went wrong.

    *fails* says whether an error fails the job.
    """
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    levels = {**dict.fromkeys(report.lines, level), **dict.fromkeys(report.warnings, "WARNING: ")}
    return [f"{_TITLE}: {levels.get(line, '')}{line}" for line in messages(report)]


# gitdailies_core/ci/reporting/platform.py
# A CI platform: its names, its table of variables, and how the step meets its jobs.

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


# gitdailies_core/events/ids.py
# Event ids. The same deploy or incident gets the same id at every attempt and on every path.

_SELF_MADE = r"(deploy|incident|content)-[0-9a-f]{32}"


def is_self_made(id_: str) -> bool:
    """Return whether an id has the form of those that are made here. Every other id is a user's."""
    return re.fullmatch(_SELF_MADE, id_) is not None


def deploy_id(
    *,
    platform: str,
    run: str,
    sha: str,
    repo: str,
    environment: str | None,
    service: str | None,
    type: str | None,  # noqa: A002  the wire's word
    attempt: str | None = None,
) -> str:
    """Return the id of a deploy.

    *attempt* names an attempt of the run that deployed again; None is the first one. The receiver
    decides whether it was a separate deploy.
    """
    parts = [platform, run, sha.lower(), repo, environment, service, type or "deploy"]
    return _name("deploy", *parts, *([attempt] if attempt else []))


def incident_event_id(
    *,
    kind: str,
    source: str,
    incident: str,
    repo: str,
    environment: str | None,
    further: str | None,
    occurrence: str,
) -> str:
    """Return the id of the start or end of one occurrence of an incident at one target.

    *further* names a further service of the incident there. The first one may have other names elsewhere.
    """
    return _name("incident", source, incident, repo, environment, further, occurrence, kind)


def content_id(digest: str) -> str:
    """Return the id of an event that has a time but no id. *digest* is `Event.digest()`."""
    return "content-" + digest[:32]


def _name(prefix: str, *parts: str | None) -> str:
    # In a JSON list, ("a", "bc") differs from ("ab", "c") and None differs from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"


# gitdailies_core/ci/deploys/deploy.py
# Find out which deploys a job made. A fact comes from an input, the event payload, a variable or git.

# The last commits on the branch: enough for the runs that failed since the last deploy. The receiver drops
# what earlier deploys brought.
USUAL_COMMITS = 250
# With the merges that brought them.
_MOST_LANDED = 2 * USUAL_COMMITS
# A job of an open pull or merge request deploys to no environment that users see.
PREVIEW = "preview"
# What a later attempt of a run has, whatever started the first.
RERUN = "rerun"
_LONGEST_NAME = 200


def resolve(
    platform: Platform,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
    debug: Mapping[str, str] | None = None,
) -> Deploys | Skipped:
    """Find out which deploys the job made, or why it made none.

    *event* is the parsed payload that GitHub Actions keeps at GITHUB_EVENT_PATH. *call* names
    this call if the platform has no run id, so its retries count once. With *debug*, the platform's names of
    inputs, the notes say where each value comes from. Raises UsageError that
    names the input to set, and InvalidEvent if an event cannot hold a value.
    """
    variables = Variables(environ, event)
    facts = platform.read(variables)
    why_not = unwanted(facts, inputs.status)
    if why_not:
        return Skipped(why_not)
    if inputs.revision and not inputs.sha:
        raise no_commit(inputs.revision, "sha")
    job = _Job(platform, facts, inputs, git, call)
    targets = [job.with_git(target) for target in job.chosen()]
    events = {(target.repo, target.sha): job.event(target) for target in targets}
    notes = [note for target in targets for note in job.notes(target)]
    if debug is not None:
        for one in events.values():
            notes += origins(one, inputs, debug, variables, git)
    return Deploys(
        events=tuple(events.values()),
        notes=tuple(dict.fromkeys(notes)),
        warnings=tuple(dict.fromkeys(warning for target in targets for warning in target.warnings)),
    )


def unwanted(facts: Facts, status: str | None) -> str | None:
    """Return why there is nothing to report. A *status* that was set by hand overrides the platform's."""
    if status:
        word = status.lower()
        return f"status is {word}" if word in UNSUCCESSFUL else None
    word = (facts.status or "success").lower()
    if word not in SUCCEEDED:
        return f"{facts.status_of} did not succeed ({'exit status ' if word.isdigit() else ''}{word})"
    return facts.skip


class _Job(NamedTuple):
    """The facts about the job, and the steps from them to its events."""

    platform: Platform
    facts: Facts
    inputs: Inputs
    git: GitFacts | None
    call: str

    def chosen(self) -> list[Target]:
        """Return the repositories that the inputs name, each at its commit, or all of the job's own."""
        own = [t if t.repo else t._replace(repo=self.here) for t in self.facts.targets]
        if self.inputs.repos:
            return [self._named(repository, own) for repository in self.inputs.repos]
        if self.inputs.sha and len(own) > 1:
            paths = ", ".join(target.repo or "?" for target in own)
            raise UsageError(
                f"sha: expected none for {len(own)} repositories ({paths}), got one; name each as PATH@SHA"
            )
        return [self._at(target, self.inputs.sha) for target in own]

    @property
    def here(self) -> str | None:
        """The repository of the checkout, if its remote names one."""
        return repo_of(self.git.remote) if self.git else None

    def _named(self, repository: Repository, own: list[Target]) -> Target:
        path, sha = repository.path, repository.sha or self.inputs.sha
        target = next((t for t in own if _same(t.repo, path)), None)
        [one] = own if len(own) == 1 and len(self.inputs.repos) == 1 else [None]
        mirror = self.inputs.renamed or self.facts.targets[0].repo is None or (sha and one and sha == one.sha)
        if target is None and one and mirror:
            # The platform does not know its repository's name, or this is another name of it.
            target = self.facts.targets[0]
        if target is not None or sha:
            return self._at((target or Target())._replace(repo=path), sha)
        resource = self.facts.resource if len(self.inputs.repos) == 1 else None
        if resource:
            return Target(repo=path, sha=resource.sha, branch=resource.branch)
        if self.git and _same(self.here, path):
            return self._of_checkout(Target(repo=path))
        known = ", ".join(t.repo for t in own if t.repo) or "no repository"
        raise UsageError(
            f"repo: expected {path}@SHA, got no commit: {self.platform.title} has the commit of {known} only"
        )

    def _at(self, target: Target, sha: str | None) -> Target:
        """Return *target* at the commit that was set, else at the one that the run deployed."""
        if sha == CHECKOUT:
            return self._of_checkout(target)
        if sha is None:
            return self._moved(target)
        if sha == target.sha:
            return target
        if target.sha is None:
            return target._replace(sha=sha, notes=())
        # The branch and the commits belong to the platform's commit. For another one they are unknown.
        return Target(repo=target.repo, sha=sha, no_branch="the commit was set by hand")

    def _of_checkout(self, target: Target, *notes: str, warnings: tuple[str, ...] = ()) -> Target:
        """Return *target* at the commit of the checkout, on the branch of the checkout."""
        git = self.git
        if git is None:
            raise UsageError("sha: expected a checkout that has the deployed commit, got none")
        if target.repo and self.here and not _same(self.here, target.repo):
            raise UsageError(
                f"sha: expected a checkout of {target.repo}, got one of {self.here}; name that one in repo"
            )
        if git.sha == target.sha:
            return target
        no_branch = None if git.branch else "the checkout is on none"
        return Target(target.repo, git.sha, git.branch, no_branch, notes=notes, warnings=warnings)

    def _moved(self, target: Target) -> Target:
        """Return *target* at the commit of a checkout that was moved, if the run itself names none."""
        git, resource, start = self.git, self.facts.resource, self.facts.start
        if resource and resource.sha != target.sha and git and resource.sha in git.has:
            note = f"{resource.name} is at {_few(resource.sha)}, the run is of {_few(target.sha)}"
            note += ": that of the resource is reported"
            return Target(target.repo, resource.sha, resource.branch, notes=(note,))
        # For a pull request, platforms check out a merge of their own.
        stays = not target.sha or self.facts.pull or start.elsewhere or not _same(self.here, target.repo)
        if git and not stays and git.sha not in (target.sha, *self.facts.own):
            both = f"the checkout is at {_few(git.sha)}, the run is of {_few(target.sha)}"
            if start.names_commit:
                both += f", which is reported; if the checkout was deployed, set sha to {CHECKOUT}"
                return target._replace(warnings=(both,))
            both += ": that of the checkout is reported"
            if start.names_commit is None:
                both += f"; if the run's was deployed, set sha to {target.sha}"
                return self._of_checkout(target, warnings=(both,))
            return self._of_checkout(target, both)
        if resource and resource.sha != target.sha:
            both = f"{resource.name} is at {_few(resource.sha)}, the run is of {_few(target.sha)}"
            return target._replace(warnings=(f"{both}, which is reported; {resource.remedy}",))
        return target

    def with_git(self, target: Target) -> Target:
        """Fill in missing facts from the checkout: its branch at its commit, its log at the log's commit.

        A whole checkout also knows the commits of runs that failed or were overtaken. A platform knows
        only those of its own run.
        """
        git = self.git
        if git is None:
            return target
        if target.sha is None and (self.here is None or _same(self.here, target.repo)):
            target = target._replace(sha=git.sha)
        if git.sha == target.sha:
            target = target._replace(branch=target.branch or (None if target.no_branch else git.branch))
        if git.logged != target.sha:
            return target
        known = git.commits[: max(_MOST_LANDED, len(target.commits))]
        seen = {entry["sha"] for entry in known}
        if not known or not git.whole:
            known += tuple(entry for entry in target.commits if entry["sha"] not in seen)
        # What a push undid may be of another service; a whole checkout with paths tells.
        told = () if git.whole and any("outside" in entry for entry in known) else target.reverts
        return target._replace(
            commit_time=target.commit_time or git.commit_time,
            commits=known,
            reverts=tuple(dict.fromkeys([*told, *git.reverts_since(target.before)])),
        )

    @property
    def environment(self) -> str | None:
        return self.inputs.environment or self.facts.environment or (PREVIEW if self.facts.pull else None)

    def event(self, target: Target) -> Mapping[str, Any]:
        """Return the checked values of the deploy of *target*, by their wire names."""
        facts, inputs = self.facts, self.inputs
        missing = [
            self._missing(name, target, what)
            for name, value, what in (
                ("repo", target.repo, "the repository, as owner/name"),
                ("sha", target.sha, "the deployed commit"),
            )
            if not value
        ]
        if missing:
            # What a platform lacks has one remedy. A person sets both.
            raise UsageError(*(missing if self.platform is ELSEWHERE else missing[:1]))
        repo, sha = target.repo or "", target.sha or ""
        environment = self.environment
        commits = [self._entry(one) for one in target.commits[:MOST_COMMITS]]
        name = self.platform.full_name
        return DEPLOY.checked(
            {
                "repo": repo,
                "commitSHA": sha,
                "environment": environment,
                "branch": self._branch(target),
                "time": inputs.time or facts.time,
                "id": self._id(repo, sha, environment),
                "service": inputs.service or facts.service,
                "run": f"{name}:{_short(facts.run.id)}" if facts.run else None,
                "attempt": _short(facts.run.attempt) if facts.run and facts.run.attempt else None,
                "reporter": f"step/{name}",
                # The tier belongs to the platform's environment. Another one that was set has none.
                "tier": facts.tier if environment == facts.environment else None,
                "type": inputs.type or facts.type,
                "trigger": RERUN if facts.rerun else facts.start.trigger,
                "url": inputs.url or _page(facts.url),
                "commits": commits or None,
                "commitTime": None if commits or inputs.paths else target.commit_time,
                "fixes": inputs.fixes,
                "reverts": list(target.reverts[:MOST_REVERTS]) or None,
            }
        )

    def _entry(self, commit: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an entry of the list. One that may be of another service has no time, so no lead time."""
        unsure = self.inputs.paths and "outside" not in commit
        return {name: value for name, value in commit.items() if name != "time"} if unsure else commit

    def _branch(self, target: Target) -> str | None:
        if self.inputs.no_branch:
            return None
        # A job may set the branch of its event. For a fork that is not one of the repository's.
        return target.branch if self.inputs.branch in (None, target.foreign) else self.inputs.branch

    def notes(self, target: Target) -> list[str]:
        """Return what is not obvious about the event of *target*: where it comes from, what it lacks."""
        notes = list(target.notes)
        why = self.inputs.no_branch or target.no_branch or target.unsure
        if why and not self._branch(target):
            notes.append(f"no branch: {why}")
        if not self.environment:
            notes.append("environment: none is named, so the deploy counts as production")
        elif not (self.inputs.environment or self.facts.environment):
            notes.append(f"environment: {PREVIEW}, because the job is of {self.facts.pull} and names none")
        if self.inputs.paths and target.commits and all(one.get("outside") for one in target.commits):
            notes.append("paths: no commit of the deploy touches one of them")
        if self.inputs.paths and not any("outside" in one for one in target.commits):
            why = "the checkout is shallow" if self.git and not self.git.whole else "no checkout has them"
            notes.append(f"paths: no lead time, because it is not known which commits touch them: {why}")
        if len(target.commits) > MOST_COMMITS:
            notes.append(f"commits: the newest {MOST_COMMITS} of {len(target.commits)}")
        return notes

    def _missing(self, name: str, target: Target, what: str) -> str:
        return (
            f"{name}: expected {what}, got nothing from {self.platform.title} or git; set it"
            + (f", {self.facts.remedy}" if self.facts.remedy else "")
            + (f" ({'; '.join(target.notes)})" if target.notes else "")
        )

    def _id(self, repo: str, sha: str, environment: str | None) -> str | None:
        platform = self.platform.word
        parts = self.facts.run.parts if self.facts.run else ()
        if self.inputs.id and len(self.inputs.repos) < 2 and len(self.facts.targets) < 2:
            return self.inputs.id
        if self.inputs.id:
            # One id for several events: each event gets its own id, derived from it.
            platform, parts = "id", (self.inputs.id,)
        elif not parts:
            platform, parts = "call", (self.call,) if self.call else ()
        if not parts:
            return None
        return deploy_id(
            platform=platform,
            run=parts[0],
            attempt=parts[1] if len(parts) > 1 else None,
            sha=sha,
            repo=repo,
            environment=environment,
            service=self.inputs.service,
            type=self.inputs.type,
        )


def _same(one: str | None, other: str | None) -> bool:
    """Whether both are the name of one repository. Hosts ignore the case."""
    return bool(one and other and one.lower() == other.lower())


def _few(sha: str | None) -> str:
    return (sha or "")[:7]


def _short(name: str) -> str:
    # Names of jobs in folders may be long. Their ends tell runs apart.
    return name[-_LONGEST_NAME:]


def _page(url: str | None) -> str | None:
    # A wrong address of the platform is left out. It is no reason to fail.
    address = without_users((url or "").strip())
    return address if URL.accepts(address) and not address.endswith("://") else None


# gitdailies_core/ci/deploys/git_log.py
# Read facts about the deploy from a checkout's git: which commits it brought, and what nothing else tells.

# All calls of git together. The deploy job waits for them.
LONGEST_GIT_SECONDS = 15.0
_BRANCHES = "refs/heads/"
_OWNED_BY_ANOTHER = ("unsafe repository", "dubious ownership")
# In a shallow clone, git hides the parents of these commits, and each takes a call.
_MOST_ENDS = 50


class Found(NamedTuple):
    """What is known about a checkout, or the reason in words for the log."""

    facts: GitFacts | None = None
    problem: str = ""


class Git:
    """Git, with one deadline for all its calls together."""

    def __init__(self, seconds: float = LONGEST_GIT_SECONDS) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, directory: str, *arguments: str) -> tuple[str, str]:
        """Return what git prints and, if it fails, why, in words for the log. One of them is empty."""
        import subprocess

        # In a container the checkout often belongs to another user. This changes no configuration file.
        command = ["git", "-c", "safe.directory=*", "-c", "log.showSignature=false", "--no-pager", *arguments]
        try:
            done = subprocess.run(  # noqa: S603
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(0.01, self._until - time.monotonic()),
                check=False,
                env={**os.environ, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1"},
            )
        except subprocess.TimeoutExpired:
            return "", f"no commits: git took longer than {LONGEST_GIT_SECONDS:g} s"
        except (OSError, subprocess.SubprocessError):
            return "", "no commits: git is not installed, or cannot be run"
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace").strip(), ""
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        if any(words in said for words in _OWNED_BY_ANOTHER):
            return "", (
                "no commits: git refused the checkout, because it belongs to another user; "
                "git config --global --add safe.directory '*' allows it"
            )
        return "", f"no commits: git could not read the checkout ({said[:200]})"


def read_head(git: Git, directory: str) -> Found:
    """Read HEAD, its branch, its remote, and whether the clone is shallow."""
    # An older git does not know the first question, and prints it.
    asked = ("--is-shallow-repository", "HEAD", "--symbolic-full-name", "HEAD")
    said, problem = git(directory, "rev-parse", *asked)
    if problem:
        return Found(problem=problem)
    shallow, sha, ref = said.split("\n")[:3]
    return Found(
        GitFacts(
            sha=sha,
            branch=ref[len(_BRANCHES) :] if ref.startswith(_BRANCHES) else None,
            remote=git(directory, "config", "--get", "remote.origin.url")[0] or None,
            whole=shallow == "false",
        )
    )


def read_log(git: Git, directory: str, head: GitFacts, sha: str, paths: Sequence[str] = ()) -> Found:
    """Add the log from *sha* on to what is known about a checkout, which may lack that commit.

    In a shallow clone the log ends early. A commit that touches none of *paths* is `outside`.
    """
    form = (f"--max-count={MOST_COMMITS}", "-z", "--topo-order", _FORMAT)
    since = _since(git, directory, sha)
    text, problem = git(directory, "log", *form, *since)
    rows = [row.split("\n", 3) for row in text.split("\0") if row.count("\n") >= 3]
    if not rows:
        # Without the commit there is nothing to read. With it, something went wrong.
        return Found(head, problem if sha == head.sha else "")
    history = [(name, tuple(above.split()), undone_by(message)) for name, _, above, message in rows]
    parents: dict[str, tuple[str, ...] | None] = {name: above for name, above, _ in history}
    ends = [name for name, above, _ in history if not above and not head.whole]
    for number, name in enumerate(ends):
        parents[name] = _parents(git, directory, name) if number < _MOST_ENDS else None
    inside, problem = _touching(git, directory, since, paths)
    commits = []
    for name, moment, _, _ in rows:
        entry: dict[str, Any] = commit(name, moment) or {"sha": name}
        above = parents[name]
        if above is not None:
            entry["parents"] = list(above)
        # What the first commit of a shallow clone changed is not known.
        if inside is not None and name not in ends:
            entry["outside"] = name not in inside
        commits.append(entry)
    return Found(head._replace(at=sha, commits=tuple(commits), history=tuple(history)), problem)


def revision(git: Git, directory: str, text: str) -> str | None:
    """Return the commit that a tag, a branch or the beginning of a commit's name means."""
    return full_sha(git(directory, "rev-parse", "--verify", "--end-of-options", f"{text}^{{commit}}")[0])


def holds(git: Git, directory: str, sha: str) -> bool:
    """Return whether the checkout has a commit."""
    return not git(directory, "cat-file", "-e", f"{sha}^{{commit}}")[1]


# Name, time and parents, each on a line, and the message. No message holds a zero byte.
_FORMAT = "--format=%H%n%cI%n%P%n%B"


def _since(git: Git, directory: str, sha: str) -> list[str]:
    """Return the range of commits that landed on the branch last, as git's arguments.

    By their times, old commits of a branch that was just merged would come after hundreds of newer ones,
    and be cut off: the slowest ones. So the range goes by what landed.
    """
    skipped = f"--skip={USUAL_COMMITS}"
    first = git(directory, "rev-list", "--first-parent", skipped, "--max-count=1", sha)[0]
    return [sha, f"^{first}"] if first else [sha]


def _parents(git: Git, directory: str, sha: str) -> tuple[str, ...] | None:
    """Return the parents that a commit names, also where the clone ends before them."""
    text, problem = git(directory, "cat-file", "commit", sha)
    if problem:
        return None
    head = text.partition("\n\n")[0].split("\n")
    return tuple(line[len("parent ") :] for line in head if line.startswith("parent "))


def pathspecs(paths: Sequence[str]) -> list[str]:
    """Return globs as git takes them. `!` before one takes files out, as in a workflow's `paths`."""
    return [
        f":(top,exclude,glob){path[1:].lstrip('/')}" if path[0] == "!" else f":(top,glob){path.lstrip('/')}"
        for path in paths
    ]


def _touching(
    git: Git, directory: str, since: Sequence[str], paths: Sequence[str]
) -> tuple[frozenset[str] | None, str]:
    """Return the commits of a range that touch one of *paths*, or why they are not known."""
    if not paths:
        return None, ""
    text, problem = git(directory, "log", "--format=%H", "--full-history", *since, "--", *pathspecs(paths))
    if problem:
        return None, problem.replace("no commits", "paths: which commits touch them is not known", 1)
    return frozenset(text.split()), ""


# gitdailies_core/ci/deploys/checkout.py
# Find the checkout of the deployed commit, and the job's deploys with its facts.

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH208  a step needs no more than os.path



# Where a job has several checkouts, they are side by side in its folder.
_MOST_FOLDERS = 50

_SHALLOW = "the checkout is shallow; lead times of several pushes need fetch-depth: 0 (GitLab: GIT_DEPTH: 0)"


class _Wanted(NamedTuple):
    """The commits and repositories of a job, and whether these commits are the deployed ones for certain."""

    shas: frozenset[str]
    repos: frozenset[str]
    certain: bool


class _Chosen(NamedTuple):
    """A checkout, what is known about it, and a warning about others."""

    folder: str = ""
    found: Found = Found()
    warning: str = ""


def deploys_in(
    directory: str,
    platform: Platform,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    path: str | None = None,
    call: str = "",
    debug: Mapping[str, str] | None = None,
) -> Deploys | Skipped:
    """Resolve the job's deploys, with the facts of the checkout of the deployed commit.

    The checkout is in *directory*, in one above it, or in one right below it. *path* names another one,
    from *directory* on. Raises what `resolve` raises, and UsageError if *path* is no checkout.
    """

    def resolved(known: GitFacts | None) -> Deploys | Skipped:
        return resolve(
            platform, environ=environ, event=event, inputs=inputs, git=known, call=call, debug=debug
        )

    facts, git = platform.read(Variables(environ, event)), Git()
    why_not = unwanted(facts, inputs.status)
    if why_not:
        return Skipped(why_not)
    # Above the folder of the job, no checkout is its own.
    root = environ.get(platform.root or platform.folder, "")
    chosen = _chosen(git, directory, path, _wanted(facts, inputs), root)
    problem, head = chosen.found.problem, chosen.found.facts
    if head and inputs.revision:
        named = revision(git, chosen.folder, inputs.revision)
        inputs = inputs._replace(sha=named, revision=None) if named else inputs
    if head and facts.resource and holds(git, chosen.folder, facts.resource.sha):
        head = head._replace(has=frozenset({facts.resource.sha}))
    try:
        deploys = resolved(head)
    except UsageError as error:
        first, *others = error.complaints
        why = problem or chosen.warning
        raise UsageError(f"{first} ({why})" if why else first, *others) from None
    assert isinstance(deploys, Deploys)
    sha = _deployed(deploys, head)
    if head and sha:
        head, problem = read_log(git, chosen.folder, head, sha, inputs.paths)
        deploys = resolved(head)
        assert isinstance(deploys, Deploys)
    notes = tuple(filter(None, (*deploys.notes, problem, "" if head is None or head.whole else _SHALLOW)))
    return deploys._replace(notes=notes, warnings=tuple(filter(None, (*deploys.warnings, chosen.warning))))


def _wanted(facts: Facts, inputs: Inputs) -> _Wanted:
    set_by_hand = {full_sha(sha) for sha in (inputs.sha, *(repo.sha for repo in inputs.repos))} - {None}
    shas = set_by_hand or {target.sha for target in facts.targets if inputs.sha != CHECKOUT}
    repos = [repo.path for repo in inputs.repos] or [target.repo or "" for target in facts.targets]
    certain = bool(set_by_hand or (facts.start.names_commit and inputs.sha != CHECKOUT))
    return _Wanted(
        frozenset(sha for sha in shas if sha), frozenset(repo.lower() for repo in repos if repo), certain
    )


def _deployed(deploys: Deploys, head: GitFacts | None) -> str:
    """Return the deployed commit of the checkout's repository, or of the only one."""
    here = (repo_of(head.remote) if head else None) or ""
    found = [event for event in deploys.events if event["repo"].lower() == here.lower()]
    events = found or (deploys.events if len(deploys.events) == 1 else ())
    return events[0]["commitSHA"] if events else ""


def _chosen(git: Git, directory: str, path: str | None, wanted: _Wanted, root: str) -> _Chosen:
    """Return the checkout of the job's repository, or the nearest one if none is known to be of it."""
    nearest = next(filter(_is_checkout, _above(directory, root)), None)
    if path:
        nearest = os.path.join(directory, path)
        if not any(map(_is_checkout, _above(nearest, root))):
            raise UsageError(f"path: expected a folder with a git checkout, got {path!a}")
    heads = {nearest: read_head(git, nearest)} if nearest else {}
    first = _Chosen(*next(iter(heads.items()), ("", Found())))
    at_it = first.found.facts and first.found.facts.sha in wanted.shas
    # Below the job's folder only the commit or the repository shows which checkout is meant.
    if path or (wanted.certain and at_it) or not (wanted.shas or wanted.repos):
        return first
    heads |= {folder: read_head(git, folder) for folder in _below(directory) if folder not in heads}
    known = {folder: found.facts for folder, found in heads.items() if found.facts}
    own = {folder: head for folder, head in known.items() if _slug(head) in wanted.repos}
    at = [folder for folder, head in known.items() if head.sha in wanted.shas]
    warning = ""
    if not wanted.certain and len({head.sha for head in own.values()}) > 1:
        places = ", ".join(
            f"{head.sha[:7]} in {os.path.relpath(each, directory)}" for each, head in own.items()
        )
        warning = (
            f"several checkouts of {_slug(next(iter(own.values())))} are at different commits ({places})"
        )
        warning += f"; if another commit was deployed, set sha to {CHECKOUT} and path to its folder"
        # None of them is taken for the deployed one. The run's tells its log.
        at, own = [folder for folder in at if folder in own], {}
        if not at:
            return _Chosen(warning=warning)
    folder = next(iter([*at, *own]) if wanted.certain or not own else iter(own), None)
    if folder is not None:
        return _Chosen(folder, heads[folder], warning)
    # Where none is, a checkout that git refused may be the one.
    problem = next((found.problem for found in heads.values() if found.problem), "")
    return first if first.folder else _Chosen(found=Found(problem=problem))


def _slug(head: GitFacts) -> str:
    return (repo_of(head.remote) or "").lower()


def _above(directory: str, root: str) -> Iterator[str]:
    """Yield a folder and those above it, up to *root* if it is in there."""
    folder, root = os.path.abspath(directory), os.path.abspath(root) if root else ""
    inside = root and (folder + os.sep).startswith(root.rstrip(os.sep) + os.sep)
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder or (inside and folder == root):
            return
        folder = above


def _below(directory: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    yield from filter(_is_checkout, (os.path.join(directory, name) for name in names[:_MOST_FOLDERS]))


def _is_checkout(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, ".git"))


# gitdailies_core/values/hosts.py
# Whether a host is on this machine or in a private network, by its name or address alone. Pure.

# This machine, private and link-local networks, and the shared ones of carriers (RFC 1918, 3927, 4193,
# 4291, 6598). `is_private` of an address means more networks, and others on each version of Python.
_NETWORKS = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10"),
)
# Names that no public resolver knows (RFC 6761, 6762, 8375; ICANN keeps `internal` for this).
_PRIVATE_NAMES = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".lan",
    ".localdomain",
    ".test",
    ".invalid",
)


def is_private(host: str) -> bool:
    """Whether *host* is this machine or in a private network. A name without a dot is."""
    # Most addresses are of https and need no look.
    from ipaddress import ip_address, ip_network

    name = host.strip("[]").rstrip(".").lower().partition("%")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return name.endswith(_PRIVATE_NAMES) or not ("." in name or ":" in name)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network) for network in _NETWORKS)


# gitdailies_core/ci/sending/receiver.py
# The receiver of a step's events: where it is, and what it answers.

TIMEOUT_SECONDS = 10.0
# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0

# An ID token is longer than a key.
_LONGEST_KEY = 16_000
_LONGEST_MESSAGE = 300
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"


class Receiver(NamedTuple):
    """Where events go, and how many attempts are made. `checked` refuses a wrong one.

    `is_token`: the key is an ID token.
    `takes` is one of `RECEIVERS`: whether it gets all fields. `retries` is None where only time is a limit.
    """

    url: str
    key: Secret
    takes: str
    agent: str
    timeout_seconds: float = TIMEOUT_SECONDS
    retries: int | None = None
    longest_seconds: float = LONGEST_SECONDS
    is_token: bool = False

    def checked(self) -> Receiver:
        """Return it without the spaces and line ends around the address and the key.

        Raises UsageError. It shows neither the key nor a user name in the address.
        """
        plain = self.key.reveal().strip()
        url = urlunsplit(_address(self.url.strip()))
        if not _visible(plain) or len(plain) > _LONGEST_KEY:
            raise UsageError(
                "webhook-key: expected printable characters without spaces, got "
                + ("nothing" if not plain else "something else")
            )
        return self._replace(url=url, key=Secret(plain, self.key.origin))


class Answer(NamedTuple):
    """The answer to one attempt, or why there is none.

    `page`: it is a 2xx with a web page. `final`: another attempt would end in the same way.
    """

    status: int | None
    message: str
    retry_after: str = ""
    body: Any = None
    final: bool = False
    page: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300 and not self.page


def shown(text: str, key: Secret) -> str:
    """Return what a receiver said as one short line without the key."""
    line = redact(text, key).strip()
    if not line.isprintable():
        line = re.sub(_CONTROL, " ", line).strip()
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "\u2026"


def warning_about(url: str) -> str:
    """Return a warning if the key goes to *url* readable for everyone on the way, or ""."""
    parts = urlsplit(url)
    if parts.scheme != "http" or is_private(parts.hostname or ""):
        return ""
    return "webhook-url: http sends the key and the deploys unencrypted; use https"


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        # Reading the port raises ValueError if it is not a number.
        usable = plain and parts.port != 0 and _visible(url)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
        )
    return parts


def _visible(text: str) -> bool:
    """Whether *text* is of ASCII characters that are seen, and of one at least."""
    return text.isascii() and text.isprintable() and " " not in text and text != ""


# gitdailies_core/ci/sending/proxy.py
# The proxy that the environment names: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

def proxy_of(parts: SplitResult) -> SplitResult | None:
    """Return the address of the proxy that the environment names for *parts*, or None.

    Raises ValueError, which names the variable, for a proxy that does not take plain HTTP.
    """
    # Few jobs have a proxy, and this takes a tenth of a report's time.
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import (  # type: ignore[attr-defined]
        getproxies_environment,
        proxy_bypass_environment,
    )

    proxies = getproxies_environment()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(name)
    if not address or proxy_bypass_environment(parts.netloc, proxies):
        return None
    try:
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        # Reading the port raises ValueError if it is no number. Its text may show a password.
        usable = proxy.scheme == "http" and proxy.hostname and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{name.upper()}_PROXY: expected an http:// address, got another")
    return proxy


def through(
    proxy: SplitResult, connection: HTTPConnection, url: str, target: str, headers: dict[str, str]
) -> str:
    """Prepare a *connection* to a proxy, and return the target of a request.

    In a tunnel that is *target*. Without one, *headers* get the proxy's password.
    """
    parts = urlsplit(url)
    authorization = {}
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        authorization["Proxy-Authorization"] = f"Basic {base64.b64encode(user).decode()}"
    if parts.scheme == "http":
        headers.update(authorization)
        return url
    connection.set_tunnel(parts.hostname or "", parts.port or 443, authorization)
    return target


def named(proxy: SplitResult) -> str:
    """Name a proxy without its user and password."""
    return f"the proxy {proxy.hostname}:{proxy.port or 80}"


# gitdailies_core/values/http_answers.py
# What the answer of a receiver of events means, and how long to wait before another attempt. Pure.

AGAIN_STATUSES = frozenset({408, 425, 429})
KEY_STATUSES = frozenset({401, 403})
_NO_SUCH_METHOD = 405
ADDRESS_STATUSES = frozenset({404, _NO_SUCH_METHOD, 410})
# Payment, the proxy's sign-in, a lock, a failed dependency, legal reasons: none is about an event.
RECEIVER_STATUSES = frozenset({402, 407, 423, 424, 451})
# What is at fault, other than the event. These are values of the relay's store, of JSON and of metrics.
KEY, ADDRESS, RECEIVER = "key", "address", "receiver"
FAULTS: Mapping[str, str] = {
    KEY: "the key is refused",
    ADDRESS: "the address is wrong",
    RECEIVER: "the receiver takes no events",
}

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 300.0
# A Retry-After of years must not stop deliveries, so we wait at most an hour for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0


def at_fault(status: int | None, page: bool) -> str:
    """Return KEY, ADDRESS or RECEIVER, or "". *page*: the answer is a 2xx with a web page."""
    if status in KEY_STATUSES:
        return KEY
    if page or status in ADDRESS_STATUSES or (status is not None and 300 <= status < 400):
        return ADDRESS
    return RECEIVER if status in RECEIVER_STATUSES else ""


def blamed(what: str, status: int | None, result: str) -> str:
    """Say that *what* is at fault, as the *result* of an attempt shows."""
    # A DORA server answers its pages so, which take no events.
    path = "; that of a DORA server ends with /webhooks" if status == _NO_SUCH_METHOD else ""
    return f"{FAULTS[what]} ({result}){path}"


def is_final(status: int | None) -> bool:
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return status is not None and status < 500 and status not in AGAIN_STATUSES


def described(status: int | None, error: str, page: bool) -> str:
    """Return what was answered, as a short text."""
    if status is None:
        return error or "no answer"
    return f"answered {status}{' with a web page' if page else ''}{f': {error}' if error else ''}"


def wait_seconds(retry_after: str, *, attempt: int, now: datetime, jitter: Callable[[], float]) -> float:
    """Full jitter under an exponential bound, but at least Retry-After, which counts up to an hour."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(retry_after, now))


def retry_after_seconds(value: str, now: datetime) -> float:
    """Read Retry-After: seconds or an HTTP date (RFC 9110, 10.2.3). Anything else is 0."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        # A longer number is over an hour anyway.
        seconds = float(value[:9]) if len(value) <= 9 else LONGEST_RETRY_AFTER_SECONDS
    else:
        try:
            at = parsedate_to_datetime(value)
            seconds = ((at if at.tzinfo else at.replace(tzinfo=timezone.utc)) - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


# gitdailies_core/ci/sending/undelivered.py
# What follows from an attempt whose event was not taken: another attempt, or the end with a reason.

_CONFLICT = 409
# A token that is right, but for another repository or environment.
_FORBIDDEN = 403
# Waits grow to 16 s.
_GROWS_UNTIL = 5
# When a minute is nearly over, one attempt more is made, and has this time for its answer.
_LAST_SECONDS = 5.0
# Which input is probably wrong.
_CHECK = {KEY: "webhook-key", ADDRESS: "webhook-url"}


def after(
    event: Mapping[str, Any],
    answer: Answer,
    receiver: Receiver,
    attempt: int,
    *,
    now: datetime,
    until: datetime,
) -> Attempted | datetime:
    """Return when to try again, or how the sending ended.

    *attempt* counts from 1.
    """
    result = described(answer.status, answer.message, answer.page)

    def ended(code: int, message: str, **more: Any) -> Attempted:
        return Attempted(event, code, answer.status, attempt, message, **more)

    id_ = event.get("id", "")
    if answer.status == _CONFLICT and is_self_made(id_):
        # Such an id names one deploy, whatever else an attempt says about it.
        note = f"the receiver has {id_} already, with other content, and keeps the first"
        return ended(DONE, answer.message, unchanged=True, note=note)
    what = at_fault(answer.status, answer.page) if event else ""
    if what:
        code = REFUSED if what == KEY else NOT_DELIVERED
        if what == KEY and receiver.is_token:
            # The server says why in JSON. A page is that of a proxy before it.
            check = "" if answer.status == _FORBIDDEN and isinstance(answer.body, dict) else "auth"
            return ended(code, f"the ID token is refused ({result})", check=check)
        return ended(code, blamed(what, answer.status, result), check=_CHECK.get(what, ""))
    if is_final(answer.status):
        return ended(REFUSED, result)
    # Most events are taken at once, without a wait.
    import random

    waited = wait_seconds(
        answer.retry_after,
        attempt=min(attempt, _GROWS_UNTIL),
        now=now,
        jitter=lambda: (1 + random.random()) / 2,
    )
    at = now + timedelta(seconds=waited)
    last = until - timedelta(seconds=_LAST_SECONDS)
    if now < last < at and retry_after_seconds(answer.retry_after, now) <= (last - now).total_seconds():
        at = last
    if (receiver.retries is not None and attempt > receiver.retries) or answer.final or at >= until:
        attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
        later = ""
        if answer.retry_after and at >= until:
            later = f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
        return ended(NOT_DELIVERED, f"{result} ({attempts}){later}")
    return at


def no_answer(receiver: Receiver, seconds: float, proxy: SplitResult | None) -> Answer:
    """Return that nothing came within *seconds*."""
    through = f", through {named(proxy)}" if proxy else ""
    return Answer(None, f"{urlsplit(receiver.url).netloc}{through}: no answer within {seconds:g} s")


def unanswered(error: Exception, receiver: Receiver, proxy: SplitResult | None, *, connected: bool) -> Answer:
    """Return why there is no answer. A proxy that is not *connected* is at fault."""
    where = urlsplit(receiver.url).netloc
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name: a Python may be built without ssl.
        message = shown(str(getattr(error, "verify_message", error)), receiver.key)
        remedy = "SSL_CERT_FILE names the file of a company's own authority"
        return Answer(None, f"{where}: certificate not trusted: {message}; {remedy}", final=True)
    late = isinstance(error, TimeoutError)
    if late and (connected or not proxy):
        return no_answer(receiver, receiver.timeout_seconds, proxy)
    if proxy and not connected:
        where = f"{named(proxy)}, on the way to {where}"
    if late:
        return Answer(None, f"{where}: no answer within {receiver.timeout_seconds:g} s")
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Answer(
        None, f"{where}: {shown(message, receiver.key).lower()}", final=isinstance(error, ValueError)
    )


# gitdailies_core/html_answer.py
# Whether an answer is a web page. Pure.

_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# How much of a body decides. Comments before a page's first tag are short.
_LOOKED_AT = 4096
# What may stand before the first tag: white space, comments, an XML declaration.
_BEFORE = r"(?:\s+|<!--.*?-->|<\?xml.*?\?>)+"
# The tags that mean HTML, as browsers decide (WHATWG, MIME Sniffing, 7.1), and `meta` and `noscript`.
_PAGE = (
    r"<(?:!doctype|html|head|title|meta|body|script|noscript|style|iframe|h1|div|font|table|a|b|br|p)[\s/>]"
    r"|<!--"
)


def is_html(content_type: str, body_start: bytes) -> bool:
    """Return whether an answer is a web page, by its Content-Type header or by how its body begins.

    Without a body it is none, and JSON is none, whatever the header says: some servers call every
    answer HTML.
    """
    text = _text(body_start[:_LOOKED_AT])
    rest = text.lstrip()
    if rest.startswith("<"):
        before = re.match(_BEFORE, text, re.DOTALL)
        rest = text[before.end() :] if before else text
        if re.match(_PAGE, rest, re.IGNORECASE) or (not rest and "<!--" in text):
            return True
    kind = content_type.partition(";")[0].partition(",")[0].strip().lower()
    return kind in _TYPES and bool(rest) and rest[0] not in "{["


def _text(body: bytes) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode("utf-8", "replace")


# gitdailies_core/ci/sending/sender.py
# Send events by POST, with the standard library alone, because a CI step installs nothing.

_LONGEST_ANSWER_BYTES = 64 * 1024
_PROXY_ASKS = 407


def send_all(events: Iterable[Mapping[str, Any]], receiver: Receiver, until: datetime) -> list[Attempted]:
    """Send *events* in order, all of them together until *until*."""
    return [send(event, receiver, until=until) for event in events]


def send(
    event: Mapping[str, Any],
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Attempted:
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    An empty event is a question, by GET. Its answer is in `body`.
    *until* is the time at which a caller that sends several events gives up.
    """
    until = until or now() + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        if answer.is_taken:
            body = answer.body if isinstance(answer.body, dict) else {}
            unchanged = body.get("status") == "unchanged"
            return Attempted(
                event, DONE, answer.status, attempt, answer.message, unchanged=unchanged, body=body
            )
        found = after(event, answer, receiver, attempt, now=now(), until=until)
        if isinstance(found, Attempted):
            return found
        wait(max((found - now()).total_seconds(), 0.0))


class Fault(NamedTuple):
    """Why there is no response, and whether there was a connection."""

    error: Exception
    connected: bool


def _bounded_post(event: Mapping[str, Any], receiver: Receiver, seconds: float) -> Answer:
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte. A
    # thread waits for both, and does nothing else, because it may run on after that.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    proxy: SplitResult | None = None
    ended: list[tuple[HTTPResponse, bytes] | Fault] = []
    try:
        proxy = proxy_of(urlsplit(receiver.url))
    except ValueError as error:
        ended.append(Fault(error, connected=False))
    else:
        thread = threading.Thread(target=lambda: ended.append(_post(event, receiver, proxy)), daemon=True)
        thread.start()
        thread.join(seconds)
    found = ended[0] if ended else None
    if found is None:
        return no_answer(receiver, seconds, proxy)
    if isinstance(found, Fault):
        return unanswered(found.error, receiver, proxy, connected=found.connected)
    return _answered(*found, receiver, proxy)


def _post(
    event: Mapping[str, Any], receiver: Receiver, proxy: SplitResult | None
) -> tuple[HTTPResponse, bytes] | Fault:
    headers = {
        "Content-Type" if event else "Accept": "application/json",
        "User-Agent": receiver.agent,
    }
    key = receiver.key.reveal()
    headers |= {"Authorization": f"Bearer {key}"} if receiver.is_token else {KEY_HEADER: key}
    if event.get("id"):
        headers[ID_HEADER] = event["id"]
    body = json.dumps(body_of(event, receiver.takes), ensure_ascii=False, separators=(",", ":"))
    method, sent = ("POST", body.encode()) if event else ("GET", None)
    return exchange(method, receiver.url, headers, sent, receiver.timeout_seconds, proxy)


def exchange(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    seconds: float,
    proxy: SplitResult | None,
) -> tuple[HTTPResponse, bytes] | Fault:
    """Send a request, and return the response with the beginning of its body."""
    connected = False
    parts = urlsplit(url)
    at = proxy or parts
    port = at.port or (80 if proxy else None)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(at.hostname or "", port, timeout=seconds)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy:
            target = through(proxy, connection, url, target, headers)
        try:
            connection.connect()
            connected = True
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                try:
                    return response, response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    return response, b""
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return Fault(error, connected)


def _answered(response: HTTPResponse, raw: bytes, receiver: Receiver, proxy: SplitResult | None) -> Answer:
    status, retry_after = response.status, response.getheader("Retry-After", "")
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, (dict, list)) and is_html(response.getheader("Content-Type", ""), raw):
        # Its tags say nothing to a reader of the log.
        taken = 200 <= status < 300
        return Answer(status, "" if taken else "a web page", retry_after, page=taken)
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    message = shown(str(detail or text), receiver.key)
    if status == _PROXY_ASKS and proxy:
        message = f"{named(proxy)} asks for a user and a password"
    return Answer(status, message, retry_after, body)


# gitdailies_core/ci/sending/id_token.py
# The ID token of a job, which its platform makes for one receiver: asked for, and checked before it is sent.

_SECONDS = 10.0
_WORKS_ON = "GitHub Actions, GitLab CI, CircleCI, Buildkite and Bitbucket Pipelines"


def id_token(
    platform: Platform, environ: Mapping[str, str], receiver: Receiver, *, fork: bool, until: datetime
) -> Secret:
    """Return an ID token for *receiver*. Raises UsageError, which says what the job lacks.

    A platform that gives none until *until* raises DeliveryError, with its answer.
    *fork*: a fork started the job, and gets none. A token for another receiver is never sent.
    """
    if not platform.oidc:
        raise UsageError(f"auth: oidc works on {_WORKS_ON} alone; use webhook-key here")
    if fork:
        raise UsageError("auth: a job of a fork gets no ID token of the repository")
    parts = urlsplit(receiver.url)
    audience = f"{parts.scheme}://{parts.netloc}".lower()
    token = _token(platform.oidc, environ, audience, receiver, until).strip()
    found = _audiences(token)
    if audience not in found:
        other = f"one for {', '.join(map(got, found[:10])) or 'nobody'}" if token else "none"
        raise UsageError(
            f"auth: expected an ID token for {audience}, got {other}"
            + platform.no_oidc.replace("AUDIENCE", audience)
        )
    return Secret(token, "ID token")


def _token(
    how: Sequence[str], environ: Mapping[str, str], audience: str, receiver: Receiver, until: datetime
) -> str:
    """Return the token that a job gets as `Platform.oidc` says, or "" if it gets none."""
    if len(how) > 2:
        return _printed([word.replace("AUDIENCE", audience) for word in how])
    first, *bearer = (environ.get(name, "") for name in how)
    if not bearer:
        return first
    if not (first and bearer[0]):
        return ""
    url = f"{first}{'&' if urlsplit(first).query else '?'}audience={quote(audience, safe='')}"
    endpoint = receiver._replace(url=url, key=Secret(bearer[0].strip(), "bearer"))
    answer = send({}, endpoint, until=until)
    if answer.code != DONE:
        raise DeliveryError(f"the token endpoint of the platform: {answer.message}")
    return str(_field(answer.body, "value") or "")


def _printed(command: Sequence[str]) -> str:
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace")


def _audiences(token: str) -> list[str]:
    """Return for whom a token is. The receiver verifies it."""
    try:
        found = _field(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")), "aud")
    except (ValueError, IndexError, RecursionError):
        return []
    listed = found if isinstance(found, list) else [found]
    return [one.rstrip("/").lower() for one in listed if isinstance(one, str)]


def _field(body: Any, name: str) -> Any:
    """Return a value of a JSON object, or None."""
    return body.get(name) if isinstance(body, dict) else None


# gitdailies_core/ci/step.py
# The step of every CI platform: finds the platform, reports the job's deploys, ends as its inputs say.

def start(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> NoReturn:
    """Run the step for a job of one of *platforms*, and end the process.

    *version* is that of the file. *lent* holds the functions that an agent adds to a script.
    """
    code = _guarded(platforms, version, lent)
    if any(platform.lends in lent for platform in platforms):
        # Such an agent runs the script in its own process, and has work to do afterwards.
        sys.exit(code)
    # Where the log is closed, or there is none, the usual end of Python would change the exit code.
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    os._exit(code)


def _guarded(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> int:
    """Run the step. Whatever goes wrong in it never fails the job, unless an input says so."""
    try:
        return _main(platforms, version, lent)
    except Exception as error:  # noqa: BLE001  a closed log or a full disk, too
        names = (f"{prefix}FAIL_ON_ERROR" for prefix in (PREFIX, "INPUT_", "PARAM_"))
        fails = any(os.environ.get(name, "").strip().lower() in TRUE for name in names)
        try:
            level = "ERROR" if fails else "WARNING"
            print(
                f"GitDailies: {level}: deploy not reported: the step itself failed ({type(error).__name__})"
            )
        except (OSError, ValueError):
            # There is no log to write to.
            return int(fails)
        return int(fails)


def _main(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> int:
    # Windows' own code page lacks many characters, and platforms read UTF-8.
    if sys.stdout is not None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    platform, environ = _job(platforms, lent)
    report, fails = _reported(platform, version, environ)
    for line in platform.log(report, fails):
        print(line)
    for name, text in platform.files(report).items():
        if not _appended(environ.get(name, ""), text):
            print(platform.not_written(name))
    return report.code if fails or report.ok else platform.warned(environ)


def _job(platforms: Sequence[Platform], lent: Mapping[str, Any]) -> tuple[Platform, Mapping[str, str]]:
    """Return the platform of the job and its variables. The only platform of a file needs no marker."""
    lender = next((platform for platform in platforms if platform.lends in lent), None)
    platform = platforms[0] if len(platforms) == 1 else lender or detect(platforms, os.environ)
    if platform.lends and (lender or len(platforms) == 1):
        return platform, platform.ask(lent, sys.stdin.buffer.read)
    return platform, os.environ


def _reported(platform: Platform, version: str, environ: Mapping[str, str]) -> tuple[Report, bool]:
    """Run the step; return its report, and whether an error fails the job."""
    try:
        refuse_misspelled(environ)
        inputs = platform.inputs(environ)
    except UsageError as error:
        # The inputs cannot be read, or one is misspelled. The variable says whether errors fail the job.
        return refused(error, platform.names), strict(texts(environ))
    for line in platform.masks(inputs["webhook-key"]):
        print(line)
    report = run(
        platform,
        inputs,
        environ=environ,
        event=_event(environ.get(platform.event, "")),
        directory=environ.get(platform.folder) or ".",
        agent=f"{platform.agent}/{version}" if version else platform.agent,
    )
    return report, strict(inputs)


def _event(path: str) -> Any:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  a step needs no pathlib
            return json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        # If the commit is only in the payload, the report says so. It is never guessed.
        return None


def _appended(path: str, text: str) -> bool:
    try:
        # Bytes that are not UTF-8 are written as escapes. They are no error.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:  # noqa: PTH123
            file.write(text)
    except OSError:
        return False
    return True


def run(
    platform: Platform,
    given: Mapping[str, str | None],
    *,
    environ: Mapping[str, str],
    event: Any = None,
    directory: str = ".",
    agent: str,
) -> Report:
    """Report the job's deploys and return how it went. Raises nothing.

    *given* are the inputs by the names of `settings`. *agent* names the step to the receiver.
    """
    names = platform.names
    try:
        settings = Settings.make(given)
        found = deploys_in(
            directory,
            platform,
            environ=environ,
            event=event,
            inputs=settings.inputs,
            path=settings.path,
            call=os.urandom(8).hex(),
            debug=names if settings.debug else None,
        )
        if isinstance(found, Skipped):
            return skipped(found)
        notes = [*found.notes, *left_out(settings.inputs, settings.receiver)]
        if settings.dry_run:
            return dry_run(found.events, settings.receiver, notes, found.warnings)
        time = text_of(datetime.now(timezone.utc).replace(microsecond=0))
        receiver = Receiver(
            url=settings.url or "",
            key=settings.key,
            takes=settings.receiver,
            agent=agent,
            timeout_seconds=settings.timeout_seconds,
            retries=settings.retries,
            is_token=settings.oidc,
        )
        until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
        try:
            if settings.oidc and settings.url:
                fork = any(target.foreign for target in platform.read(Variables(environ, event)).targets)
                token = id_token(platform, environ, receiver, fork=fork, until=until)
                receiver = receiver._replace(key=token)
                for line in platform.masks(token.reveal()):
                    print(line)
            results, more = _send(found.events, receiver, platform.no_key, until)
        except DeliveryError as error:
            results = [Attempted(one, NOT_DELIVERED, None, 0, str(error)) for one in found.events]
            more = []
        return attempted(
            results,
            settings.receiver,
            notes,
            [*found.warnings, *more],
            names,
            time=time,
            paths=settings.inputs.paths,
            keyless=settings.oidc,
        )
    except Exception as error:  # noqa: BLE001  a failed report never fails the deploy
        return refused(error, names)


def _send(
    events: Sequence[Mapping[str, Any]], receiver: Receiver, no_key: str, until: datetime
) -> tuple[list[Attempted], list[str]]:
    """Send the events. Return how that went, and warnings. Raises UsageError."""
    if not (receiver.key or receiver.is_token):
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not receiver.url:
        raise UsageError("webhook-url: expected the address of the DORA server, got nothing")
    receiver = receiver.checked()
    warning = warning_about(receiver.url)
    return send_all(events, receiver, until), [warning] if warning else []


# gitdailies_core/ci/platforms/github_actions.py
# GitHub Actions: its variables, the events whose payload names the deploy, and the log of its runner.

# ruff: noqa: C408  the names are those of values



# The variables name the commit of these, and of some others.
_BY_VARIABLES = ("push", "workflow_dispatch", "schedule", "repository_dispatch")
# The list of a longer push may be cut: GitHub's has at most 2,048 ("Webhook events and payloads", `push`).
_MOST_LISTED = 2000


class GitHubActions(Platform):
    word = "github"
    title = "GitHub Actions"
    name = "github-actions"
    marker = "GITHUB_ACTIONS"
    turn = 10
    run = ("GITHUB_RUN_ID",)
    attempt = ("GITHUB_RUN_ATTEMPT",)
    sha = ("GITHUB_SHA",)
    # GITHUB_REF_NAME may also be a tag, or 7/merge for a pull request.
    branch = ("GITHUB_REF",)
    repo = ("GITHUB_REPOSITORY",)
    # No variable has the job's status; the action passes job.status. No variable or context has the
    # job's environment (actions/runner issue 1369).
    status = ("GITDAILIES_JOB_STATUS",)
    started = ("GITHUB_EVENT_NAME",)
    # Those whose words need no payload.
    starts: Mapping[str, Start] = {
        "push": Starts.PERHAPS_PUSHED,
        "schedule": Starts.SCHEDULED,
        "workflow_dispatch": Starts.BY_HAND,
        "repository_dispatch": Starts.BY_HAND,
        **dict.fromkeys(
            (
                *("create", "deployment", "merge_group", "page_build"),
                *(
                    "pull_request",
                    "pull_request_target",
                    "pull_request_review",
                    "pull_request_review_comment",
                ),
                *("registry_package", "release"),
            ),
            Starts.OF_A_COMMIT,
        ),
        "deployment_status": Start("other", True, elsewhere=True),
        **dict.fromkeys(("check_run", "check_suite", "status"), Start(None, True, elsewhere=True)),
        "workflow_run": Starts.PERHAPS_PUSHED,
    }
    agent = "gitdailies-github-action"
    no_key = (
        "; pass it as webhook-key: ${{ secrets.GITDAILIES_WEBHOOK_KEY }} "
        "(runs of forks and of Dependabot get no secrets, a reusable workflow only those passed to it)"
    )
    folder = "GITHUB_WORKSPACE"
    event = "GITHUB_EVENT_PATH"
    prefix = "INPUT_"
    names: Mapping[str, str] = {}
    oidc = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    no_oidc = (
        "; give the job `permissions: {id-token: write, contents: read}` "
        "(a pull request of a fork gets none, a reusable workflow only where its caller has it, too)"
    )

    def read(self, variables: Variables) -> Facts:
        facts, name = self._about(variables), variables.first(*self.started) or ""
        return facts._replace(start=self._start(name, variables.payload, facts))

    def _start(self, name: str, payload: Mapping[str, Any], facts: Facts) -> Start:
        """Return what started the run. A push that is forced may go back to an earlier commit."""
        if name == "workflow_run":
            behind = value_at(payload, "workflow_run.event") or ""
            if behind == "push" and any(target.unsure for target in facts.targets):
                return Starts.PERHAPS_PUSHED
            start = Starts.PUSHED if behind == "push" else self.starts.get(behind, Starts.OF_A_COMMIT)
            return Start(start.trigger if behind else None, True)
        if name == "create" and value_at(payload, "ref_type") == "tag":
            return Starts.TAGGED
        if name == "push" and isinstance(payload.get("forced"), bool):
            if tag_of(value_at(payload, "ref")):
                return Starts.TAGGED if payload.get("created") is True else Starts.OF_A_COMMIT
            return Starts.OF_A_COMMIT if payload["forced"] else Starts.PUSHED
        if name.startswith(_PULL_REQUEST):
            return Starts.OF_A_COMMIT
        return facts.start if facts.start != Start() or not name else Starts.OF_NO_COMMIT

    def _about(self, variables: Variables) -> Facts:
        name, payload = variables.first(*self.started) or "", variables.payload
        if name not in _BY_VARIABLES:
            ref, repo = variables.first(*self.branch), variables.first(*self.repo)
            known = _facts_of_payload(name, payload, ref=ref or "", repo=repo, own=self.run_of(variables))
            if known is not None:
                return self._of_variables(variables, **known)
        sha = full_sha(variables.first(*self.sha))
        branch = branch_of(variables.first(*self.branch))
        if name == "delete" or (name == "push" and _deletes(payload)):
            skip = "the branch or tag of the run was deleted"
            return self._of_variables(variables, sha=sha, branch=branch, skip=skip)
        if name != "push" or value_at(payload, "after") != sha:
            return self._of_variables(variables, sha=sha, branch=branch)
        return self._of_variables(variables, sha=sha, branch=branch, **_pushed(payload))

    def _of_variables(
        self, variables: Variables, *, no_branch: str | None = None, url: str | None = None, **known: Any
    ) -> Facts:
        repo, own_run = variables.first(*self.repo), variables.first(*self.run)
        server = variables.first("GITHUB_SERVER_URL")
        if variables.first("GITEA_ACTIONS", "FORGEJO_ACTIONS"):
            # Their pages are numbered.
            own_run = variables.first("GITHUB_RUN_NUMBER")
        if server and repo and own_run:
            url = url or f"{server}/{repo}/actions/runs/{own_run}"
        of_target = {name: known.pop(name) for name in _OF_TARGET if name in known}
        if known.get("status") is None:
            known["status"] = variables.first(*self.status)
        tag = tag_of(variables.first(*self.branch))
        if tag and not of_target.get("branch"):
            no_branch = no_branch or f"the run is of tag {tag}"
        target = Target(repo=repo, no_branch=no_branch, **of_target)
        return self.facts(variables, targets=(target,), url=url, **known)

    def masks(self, key: str) -> list[str]:
        """Return the commands that keep the key out of the log. The runner masks each line by itself."""
        lines = [line.strip() for line in key.splitlines()]
        return [f"::add-mask::{_command_data(line)}" for line in lines if line]

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. Notes, problems and a skip become annotations.

        A foreign text, such as a receiver's answer, is only written into the data of a command. The runner
        does not look for a command there.
        """
        notices = [f"::notice title={_HEADING}::{_command_data(note)}" for note in report.notes]
        notices += [f"::warning title={_HEADING}::{_command_data(warning)}" for warning in report.warnings]
        if report.ok and report.outcome != SKIPPED:
            return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
        level = "notice" if report.ok else "error" if fails else "warning"
        return notices + [f"::{level} title={_HEADING}::{_command_data(line)}" for line in report.lines]

    def not_written(self, name: str) -> str:
        if name == "GITHUB_STEP_SUMMARY":
            # Some runners have none, and the log has the same lines.
            return f"{_HEADING}: {name}: no file to write to, so there is no summary"
        return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"

    def files(self, report: Report) -> dict[str, str]:
        return {"GITHUB_OUTPUT": _github_outputs(report), "GITHUB_STEP_SUMMARY": _github_summary(report)}


GITHUB_ACTIONS = GitHubActions()


def _deletes(payload: Mapping[str, Any]) -> bool:
    after = value_at(payload, "after") or ""
    return payload.get("deleted") is True or (bool(after) and not after.strip("0"))


def _pushed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a push brought. A new branch and a tag list no commits."""
    pushed = payload.get("commits")
    # The payload has the oldest first.
    listed = [item for item in reversed(pushed) if isinstance(item, dict)] if isinstance(pushed, list) else []
    # Only the message shows a merge. What a push merged is no line, and nor is one with a commit older than
    # that before it. Each of these commits leads to the one before the push; more is not known.
    kept = [item for item in listed if not is_merge(item.get("message"))]
    entries = [one for one in (commit(item.get("id"), item.get("timestamp")) for item in kept) if one]
    before = full_sha(value_at(payload, "before"))
    if listed and value_at(payload, "after") == listed[0].get("id"):
        # A push alone is seldom a deploy. What was there before shows whether its list is all that is new.
        base = before if len(listed) < _MOST_LISTED and payload.get("forced") is not True else None
        times = [one["time"] for one in entries if "time" in one]
        is_line = kept == listed and times == sorted(times, reverse=True)
        for entry, older in zip(entries, (*entries[1:], None)):
            parent = older["sha"] if older and is_line else base
            entry.update({"parents": [parent]} if parent else {})
    head = payload.get("head_commit")
    known = [*listed, *([head] if isinstance(head, dict) and not listed else [])]
    return {
        "commits": tuple(entries),
        "commit_time": readable_time(value_at(payload, "head_commit.timestamp")),
        "reverts": reverts_of((item.get("id"), undone_by(item.get("message"))) for item in known),
        "before": before,
    }


# What `_of_variables` takes for the target. The rest belongs to the job.
_OF_TARGET = ("sha", "branch", "unsure", "foreign", "commit_time", "commits", "before", "reverts", "notes")


class Payload(NamedTuple):
    """Where an event's payload has the facts about the deploy: paths. The first one found wins.

    A row with `status` is a deploy only after success. `run` names the run that deployed, and `attempt`
    its attempt. `deployment` names what GitHub numbers by itself: a deploy that is run again has another.
    """

    sha: str
    branch: str = ""
    status: str = ""
    environment: str = ""
    time: str = ""
    url: str = ""
    run: str = ""
    attempt: str = ""
    deployment: str = ""
    commit_time: str = ""
    message: str = ""


PAYLOADS: Mapping[str, Payload] = {
    # GITHUB_SHA is the tip of the default branch. No time: it would differ at each attempt.
    "workflow_run": Payload(
        sha="workflow_run.head_sha",
        branch="workflow_run.head_branch",
        status="workflow_run.conclusion",
        url="workflow_run.html_url",
        run="workflow_run.id",
        attempt="workflow_run.run_attempt",
        commit_time="workflow_run.head_commit.timestamp",
        message="workflow_run.head_commit.message",
    ),
    "check_suite": Payload(
        sha="check_suite.head_sha",
        branch="check_suite.head_branch",
        status="check_suite.conclusion",
        commit_time="check_suite.head_commit.timestamp",
        message="check_suite.head_commit.message",
    ),
    "check_run": Payload(
        sha="check_run.head_sha",
        branch="check_run.check_suite.head_branch",
        status="check_run.conclusion",
    ),
    "status": Payload(
        sha="sha",
        status="state",
        commit_time="commit.commit.committer.date",
        message="commit.commit.message",
    ),
    # GITHUB_REF is empty if the deployment was made from a bare commit.
    "deployment": Payload(
        sha="deployment.sha",
        environment="deployment.environment",
        run="workflow_run.id deployment.id",
        deployment="deployment.id",
    ),
    "deployment_status": Payload(
        sha="deployment.sha",
        environment="deployment_status.environment deployment.environment",
        status="deployment_status.state",
        time="deployment_status.created_at",
        url="deployment_status.log_url deployment_status.target_url",
        # The run that made the deployment, if one of GitHub Actions did.
        run="workflow_run.id deployment.id",
        attempt="workflow_run.run_attempt",
        deployment="deployment.id",
    ),
    # GITHUB_REF is gh-readonly-queue/main/pr-7-SHA
    "merge_group": Payload(
        sha="merge_group.head_sha",
        branch="merge_group.base_ref",
        commit_time="merge_group.head_commit.timestamp",
        message="merge_group.head_commit.message",
    ),
}

# `pull_request`, `pull_request_target`, `pull_request_review` and others; Gitea has more of them.
_PULL_REQUEST = "pull_request"
# Runs on these events may be of a tag. Those on all others are of a branch.
_OF_TAGS = ("push", "create", "delete", "workflow_dispatch", "deployment", "deployment_status", "dynamic")

# In workflow_run and check_suite, `head_branch` may also be a tag. This is a guess by its form: a version,
# a date, or the number of a major version.
_MAYBE_TAG = (
    r"^(?:.*[/@_-])?[vV]?(?:[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?|[0-9]{6,}.*|[0-9]{4}-[0-9]{2}.*)$|^[vV][0-9]+$"
)


def _facts_of_payload(
    name: str, payload: Mapping[str, Any], *, ref: str, repo: str | None, own: Run | None
) -> dict[str, Any] | None:
    """Return the values for `Facts` and `Target` that a payload has, or None if the variables have them.

    *name* is the event, and *ref*, *repo* and *own* are the ref, the repository and the run of the job.
    """
    if name in PAYLOADS:
        return _from_payload(name, payload, ref, repo, own)
    if name.startswith(_PULL_REQUEST):
        return _pull_request_facts(name, payload, ref)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        return _comment_facts(payload)
    return None


def _from_payload(
    name: str, payload: Mapping[str, Any], ref: str, repo: str | None, own: Run | None
) -> dict[str, Any]:
    row = PAYLOADS[name]
    sha = full_sha(value_at(payload, row.sha))
    if not value_at(payload, row.sha):
        return {"notes": _missing_payload(name)}
    head = branch_of(value_at(payload, row.branch))
    found: dict[str, Any] = {"branch": head}
    if name.startswith("deployment"):
        found["branch"] = branch_of(ref)
        found["tier"] = _tier(payload)
    elif _foreign(name, payload, repo):
        found = {"foreign": head or name, "no_branch": f"{name} belongs to another repository"}
    elif value_at(payload, f"{name}.event") == "release":
        found = {"no_branch": f"{name} belongs to a release, and {head} is a tag"}
    elif head and _may_be_tag(name, payload, head):
        found = {"unsure": f"{name} does not say whether {head} is a branch or a tag"}
    return dict(
        sha=sha,
        commit_time=readable_time(value_at(payload, row.commit_time)),
        reverts=undone_by(value_at(payload, row.message)),
        run=_run_of_payload(row, payload, own),
        environment=value_at(payload, row.environment),
        time=readable_time(value_at(payload, row.time)),
        url=value_at(payload, row.url),
        # Only its pull requests start runs of a fork here.
        pull="a pull request" if found.get("foreign") else _open_pull(name, payload, head),
        # Without a conclusion it has not succeeded yet.
        status=(value_at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
        **found,
    )


def _run_of_payload(row: Payload, payload: Mapping[str, Any], own: Run | None) -> Run | None:
    """Return the run that the payload names, else the job's own.

    A job that is started by a workflow's end may be the one that deploys. Its own attempt is then that of
    the deploy. A job on `deployment_status` deploys nothing, so its attempts are those of a report.
    """
    run = value_at(payload, row.run)
    if not run:
        return own
    again = own.attempt if own and not row.time else None
    attempt = later_attempt(value_at(payload, row.attempt))
    if again:
        attempt = f"{attempt or 1}.{again}" if row.attempt else again
    deployment = value_at(payload, row.deployment)
    if deployment:
        return Run(run, attempt, (deployment, again) if again else (deployment,))
    return Run(run, attempt)


def _tier(payload: Mapping[str, Any]) -> str | None:
    """Return the tier of a deployment. GitHub only tells production from everything else."""
    deployment = payload.get("deployment")
    known = isinstance(deployment, dict) and deployment.get("production_environment") is True
    moved = value_at(payload, "deployment_status.environment") or value_at(payload, "deployment.environment")
    return "production" if known and moved == value_at(payload, "deployment.environment") else None


def _foreign(name: str, payload: Mapping[str, Any], own: str | None) -> bool:
    origin = value_at(payload, f"{name}.head_repository.full_name")
    about = payload.get(name)
    # A fork that was deleted since is null.
    gone = isinstance(about, dict) and "head_repository" in about and about["head_repository"] is None
    return gone or are_two(origin, own)


def _may_be_tag(name: str, payload: Mapping[str, Any], branch: str) -> bool:
    if branch == value_at(payload, "repository.default_branch") or not re.match(_MAYBE_TAG, branch):
        return False
    return (value_at(payload, f"{name}.event") or "push") in _OF_TAGS


def _open_pull(name: str, payload: Mapping[str, Any], branch: str | None) -> str | None:
    """Return the open pull request whose checks or workflow run started the job, or None."""
    about = payload.get(name)
    if not isinstance(about, dict) or name not in ("workflow_run", "check_suite", "check_run"):
        return None
    event = value_at(payload, f"{name}.event") or ""
    listed = about.get(_PULL_REQUEST + "s")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    number = value_at(first, "number")
    if event.startswith(_PULL_REQUEST):
        return f"pull request {number}" if number else "a pull request"
    # The checks of a branch list the pull requests from it. The default branch has one to a branch that
    # is released.
    if name == "workflow_run" or not number or branch == value_at(payload, "repository.default_branch"):
        return None
    return f"pull request {number}"


def _comment_facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Read a comment on a pull request. GITHUB_SHA is the default branch's tip, and no commit is named."""
    merged = value_at(payload, "issue.pull_request.merged_at")
    return dict(
        no_branch="a comment on a pull request started the run",
        notes=("a comment on a pull request does not name the pull request's commit",),
        pull=None if merged else f"pull request {value_at(payload, 'issue.number') or ''}".strip(),
    )


def _pull_request_facts(name: str, payload: Mapping[str, Any], ref: str) -> dict[str, Any]:
    number = value_at(payload, "pull_request.number")
    if not number:
        # The ref of a merged one is the branch that it was merged into.
        merged = name == _PULL_REQUEST and ref.startswith("refs/heads/")
        return {"notes": _missing_payload(name), "pull": None if merged else "a pull request"}
    pull = f"pull request {number}"
    if value_at(payload, "pull_request.merged_at") or payload["pull_request"].get("merged") is True:
        return dict(
            sha=full_sha(value_at(payload, "pull_request.merge_commit_sha")),
            branch=branch_of(value_at(payload, "pull_request.base.ref")),
            notes=(f"the commit that {pull} was merged as",),
        )
    head, base = (
        value_at(payload, "pull_request.head.repo.full_name"),
        value_at(payload, "pull_request.base.repo.full_name"),
    )
    branch = branch_of(value_at(payload, "pull_request.head.ref"))
    fork = f"{pull} comes from another repository" if head != base else None
    closed = value_at(payload, "pull_request.state") == "closed"
    return dict(
        sha=full_sha(value_at(payload, "pull_request.head.sha")),
        branch=None if fork else branch,
        foreign=branch if fork else None,
        no_branch=fork,
        notes=(f"the head of {pull}, not the merge commit that the run is of",),
        pull=pull,
        skip=f"{pull} was closed without being merged" if closed else None,
    )


def _missing_payload(name: str) -> tuple[str, ...]:
    return (f"the payload of {name}, which names it, was not found at GITHUB_EVENT_PATH",)


_HEADING = "GitDailies"
_MARKS = {
    REPORTED: "\u2705",
    SKIPPED: "\u23ed\ufe0f",
    DRY_RUN: "\U0001f4dd",
    FAILED: "\u26a0\ufe0f",
}
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>()#+!|~"})


def _github_summary(report: Report) -> str:
    lines = [f"{_MARKS[report.outcome]} **{_HEADING}**: {_markdown(line)}" for line in report.lines]
    return (
        "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in (*report.warnings, *report.notes))]) + "\n"
    )


def _command_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(text: str) -> str:
    # The runner still reads commands in their old form, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _markdown(text: str) -> str:
    return _one_line(text).translate(_MARKDOWN)


def _github_outputs(report: Report) -> str:
    values = {
        "ok": "true" if report.ok else "false",
        "outcome": report.outcome,
        "reason": report.reason,
        "http-status": "" if report.http_status is None else str(report.http_status),
        "payload": report.payload,
    }
    return "".join(f"{name}={_one_line(value)}\n" for name, value in values.items())


# gitdailies_core/ci/platforms/circleci.py
# CircleCI. Sources: its "Project values and variables" and "Pipeline values" references, "Set up rollbacks".

# Owner and name are two variables. Those of the checkout come first: in a GitHub App pipeline,
# configuration, trigger and code may come from three repositories.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)

# The orb's parameters. A template cannot read a name with a hyphen.
CIRCLECI_PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}
_REFERENCE = r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))"
# For a forked pull request the branch is `pull/7` or `pull/7/head`.
_FORK = r"^pull/([0-9]+)(?:/(?:head|merge))?$"
# A pull request from such a branch only carries it to another one that is released.
_TRUNKS = ("main", "master", "trunk")


class CircleCI(Platform):
    word = "circleci"
    title = "CircleCI"
    marker = "CIRCLECI"
    turn = 20
    # A workflow that runs again gets a new id, but keeps its pipeline.
    run = ("PIPELINE_ID", "CIRCLE_PIPELINE_ID")
    sha = ("PIPELINE_GIT_REVISION", "CIRCLE_SHA1")
    # Not set if the pipeline builds a tag.
    branch = ("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH")
    tag = ("PIPELINE_GIT_TAG", "CIRCLE_TAG")
    repo_url = ("CIRCLE_REPOSITORY_URL",)
    url = ("CIRCLE_BUILD_URL",)
    status = ("GITDAILIES_JOB_STATUS",)
    pull = ("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS")
    agent = "gitdailies-circleci-orb"
    prefix = "PARAM_"
    # The parameter holds the name of the variable that holds the key.
    key_name = "PARAM_WEBHOOK_KEY"
    no_key = (
        "; put it into a context or the project's environment variables as GITDAILIES_WEBHOOK_KEY, or "
        "name its variable in webhook_key (forked pull requests get none unless the project passes "
        "secrets to them)"
    )
    names = CIRCLECI_PARAMETERS
    # CIRCLE_OIDC_TOKEN_V2 is for the organization, and other services take it. It is never sent.
    # Source: its "OIDC tokens with custom claims".
    oidc = ("circleci", "run", "oidc", "get", "--claims", '{"aud": "AUDIENCE"}')
    no_oidc = "; `circleci run oidc get` must work in this job, which is not that of a fork"

    def read(self, variables: Variables) -> Facts:
        pairs = (map(variables.first, pair) for pair in _OWNER_AND_NAME)
        repo = next((f"{owner}/{name}" for owner, name in pairs if owner and name), None)
        branch = variables.first(*self.branch)
        found = self._of_deploys(variables)
        forked = re.match(_FORK, branch or "")
        # Only jobs of forked pull requests have its number as a variable.
        number = forked[1] if forked else variables.first("CIRCLE_PR_NUMBER")
        page = (
            (variables.first("CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS") or "").split(",")[0].rstrip("/")
        )
        # A branch that has an open pull request, other than the one that others are merged into.
        pull = number or (page.rpartition("/")[2] if branch and branch not in _TRUNKS else None)
        return self.facts(
            variables,
            repo=repo,
            pull=f"pull request {pull}" if pull else None,
            fork=f"the run is of pull request {number}, of a fork" if number else False,
            **found,
        )

    def _of_deploys(self, variables: Variables) -> dict[str, Any]:
        """Read what a person chose on the Deploys page, which starts a pipeline of the default branch's tip.

        The page takes any text as a version. Only a rollback has the version that it is from, or a reason.
        """
        version = variables.first("PIPELINE_DEPLOY_TARGET_VERSION")
        if not version:
            return {}
        back = variables.first("PIPELINE_DEPLOY_CURRENT_VERSION", "PIPELINE_DEPLOY_REASON")
        sha = full_sha(version)
        found = {
            "start": Starts.PROMOTED,
            "environment": variables.first("PIPELINE_DEPLOY_ENVIRONMENT_NAME"),
            "service": variables.first("PIPELINE_DEPLOY_COMPONENT_NAME"),
            "type": "rollback" if back else None,
        }
        if sha:
            return {**found, "sha": sha, "branch": None, "tag": None, "message": None}
        tip = full_sha(variables.first(*self.sha)) or ""
        warning = f"the pipeline deploys version {got(version)}, the run is of {tip[:7]}, which is reported; "
        # A job may check that version out by itself.
        warnings = (warning + "set sha to the commit of that version",)
        return {**found, "start": Starts.BY_HAND, "warnings": warnings}

    def run_of(self, variables: Variables) -> Run | None:
        """Return the pipeline. A workflow that runs again has another id than its workspace.

        The workspace is the one of the first run, and a pipeline may have several workflows that deploy.
        """
        workflow = variables.first("CIRCLE_WORKFLOW_ID")
        first = (
            variables.first("CIRCLE_WORKFLOW_WORKSPACE_ID") or workflow or variables.first("CIRCLE_BUILD_URL")
        )
        if not first:
            return None
        again = workflow if workflow != first else None
        named = (first, again) if again else (first,)
        return Run(variables.first(*self.run) or first, again, named)

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name: the orb's parameters, else GITDAILIES_* as on any other platform."""
        read = super().inputs(environ)
        return {
            name: text if name == "webhook-key" else _filled_in(text, environ) for name, text in read.items()
        }


CIRCLECI = CircleCI()


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by the variables. If one is not set, return its reference alone.

    Core refuses a bare reference. A value with a part missing would look valid.
    """
    for found in re.finditer(_REFERENCE, text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return re.sub(_REFERENCE, lambda found: environ[found[1] or found[2]], text)


# gitdailies_core/ci/platforms/travis.py
# Travis CI. Source: its "Environment Variables" page.

class Travis(Platform):
    word = "travis"
    title = "Travis CI"
    marker = "TRAVIS"
    turn = 30
    # A restarted job keeps its build's id.
    run = ("TRAVIS_BUILD_ID",)
    # For a pull request TRAVIS_COMMIT is a temporary merge commit, and TRAVIS_BRANCH the target.
    sha = ("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT")
    # For a tag TRAVIS_BRANCH is the tag.
    branch = ("TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH")
    tag = ("TRAVIS_TAG",)
    repo = ("TRAVIS_REPO_SLUG",)
    url = ("TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL")
    # The result of the script phase. No variable has the result of the deploy itself.
    status = ("TRAVIS_TEST_RESULT",)
    message = ("TRAVIS_COMMIT_MESSAGE",)
    pull = ("TRAVIS_PULL_REQUEST",)
    started = ("TRAVIS_EVENT_TYPE",)
    starts: Mapping[str, Start] = {
        "push": Starts.PUSHED,
        "pull_request": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "api": Starts.BY_HAND,
    }
    agent = "gitdailies-travis"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY in the repository's settings or encrypted in .travis.yml "
        "(builds of forks get none)"
    )
    folder = "TRAVIS_BUILD_DIR"

    def read(self, variables: Variables) -> Facts:
        own, origin = variables.first(*self.repo), variables.first("TRAVIS_PULL_REQUEST_SLUG")
        return self.facts(variables, fork=are_two(own, origin), status_of="the script phase")

    def run_of(self, variables: Variables) -> Run | None:
        build = variables.first(*self.run)
        # Nothing counts the restarts of a job. All of them have one name.
        again = "restarted" if variables.first("TRAVIS_JOB_RESTARTED_BY") else None
        return Run(build, again) if build else None


TRAVIS = Travis()


# gitdailies_core/ci/platforms/octopus.py
# Octopus Deploy. Names are Octopus's own.

# JSON. Octopus.Release.Package and .Builds do not exist in steps, only in release notes.
_CHANGES = "Octopus.Deployment.Changes"
# The packages of the release. A release that goes back brings no changes.
_PACKAGES = "Octopus.Deployment.PackageBuildInformation"
_RELEASE = "Octopus.Release.Number"
_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"
_ERROR = "Octopus.Deployment.Error"
# No time: the form of Octopus.Deployment.Created depends on the server's language.
NAMES = (
    *("Octopus.Release.Id", "Octopus.Deployment.Id", "Octopus.Environment.Name"),
    *(_CHANGES, _PACKAGES, _RELEASE, _SERVER, _LINK, _ERROR),
)
# A template's parameter is a variable of this name. No other step has one with this prefix. A deployment
# has no checkout, and its variables have one place each.
OCTOPUS_PARAMETERS = {
    name: "GitDailies." + name.title().replace("-", "")
    for name in INPUTS
    if name not in ("path", "paths", "debug", "auth")
}
ASKED = (*NAMES, *OCTOPUS_PARAMETERS.values())
_LENDS = "get_octopusvariable"
# An older agent's Bash function prints this for a variable that does not exist.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')
_MARK = "##octopus["
_REMEDY = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"


class Octopus(Platform):
    word = "octopus"
    title = "Octopus Deploy"
    marker = "Octopus.Deployment.Id"
    turn = 40
    # A release that is deployed again is another deployment.
    run = ("Octopus.Release.Id",)
    attempt = ("Octopus.Deployment.Id",)
    # Octopus.Release.Git.* name the repository of the deployment process, not the application's.
    environment = ("Octopus.Environment.Name",)
    agent = "gitdailies-octopus"
    no_key = "; set the template's parameter Webhook key, best to a sensitive variable"
    names = OCTOPUS_PARAMETERS
    lends = _LENDS

    def read(self, variables: Variables) -> Facts:
        server, link = variables.first(_SERVER), variables.first(_LINK)
        targets, notes = _targets(variables.first(_CHANGES), variables.first(_RELEASE))
        if not targets:
            targets, more = _of_packages(variables.first(_PACKAGES))
            notes = [] if targets else [*notes, *more]
        return self.facts(
            variables,
            targets=targets,
            # Each deployment of a release is an attempt.
            rerun=False,
            url=server.rstrip("/") + "/" + link.lstrip("/") if server and link else None,
            status="failed" if variables.first(_ERROR) else None,
            status_of="the deployment",
            notes=notes,
            remedy=_REMEDY,
        )

    def run_of(self, variables: Variables) -> Run | None:
        """Return the release, and its deployment as the attempt. The deployment alone names its deploys."""
        release, deployment = variables.first(*self.run), variables.first(*self.attempt)
        if not deployment:
            return None
        return Run(release or deployment, deployment if release else None, (deployment,))

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {name: environ.get(key, "") for name, key in OCTOPUS_PARAMETERS.items()}

    def ask(self, lent: Mapping[str, Any], standard_input: Callable[[], bytes]) -> dict[str, str]:
        """Ask for every variable that is used. A missing one is empty."""
        get = lent.get(_LENDS)
        if get is None:
            handed = _pairs(standard_input())
            return {name: _known(handed.get(name, "")) for name in ASKED}
        return {name: _known(_asked(get, name)) for name in ASKED}

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. A foreign text, such as a receiver's answer, gives no commands."""
        plain = [line.replace(_MARK, "## octopus[") for line in messages(report)]
        if report.ok and not report.warnings:
            return plain
        level = "error" if fails and not report.ok else "warning"
        return [f"{_MARK}stdout-{level}]", *plain, f"{_MARK}stdout-default]"]


OCTOPUS = Octopus()


def _targets(text: str | None, release: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the repositories of a release's packages, each with its commit and the new commits.

    The list holds every release since the last one in this environment. The entry of *release* names
    the deployed commit; all entries together name the new commits.
    """
    changes, notes = _list(text, _CHANGES)
    packages: list[tuple[bool, dict[str, Any]]] = [
        (str(change.get("Version")) == release, package)
        for change in changes
        for package in _objects(change.get("BuildInformation"))
    ]
    found = _by_commit([package for of_release, package in packages if of_release])
    targets = []
    for target in found:
        brought = [one for _, one in packages if slug(_text_in(one, "VcsRoot")) == target.repo]
        items = [item for package in brought for item in _objects(package.get("Commits"))]
        undone = reverts_of((item.get("Id"), undone_by(item.get("Comment"))) for item in items)
        targets.append(target._replace(commits=_commits(items), reverts=undone))
    if packages and not targets:
        notes.append(f"{_CHANGES} names no package of release {release}")
    return tuple(targets), notes


def _of_packages(text: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the packages of the release. What it brought is unknown here."""
    packages, notes = _list(text, _PACKAGES)
    nested = [package for one in packages for package in _objects(one.get("BuildInformation"))]
    return _by_commit([*packages, *nested]), notes


def _by_commit(packages: list[dict[str, Any]]) -> tuple[Target, ...]:
    """Return each repository and commit of *packages* once."""
    found: dict[tuple[str | None, str | None], Target] = {}
    for package in packages:
        repo, sha = slug(_text_in(package, "VcsRoot")), full_sha(_text_in(package, "VcsCommitNumber"))
        if repo or sha:
            branch = branch_of(_text_in(package, "Branch"))
            found.setdefault((repo, sha), Target(repo=repo, sha=sha, branch=branch))
    return tuple(found.values())


def _commits(items: list[dict[str, Any]]) -> tuple[dict[str, str], ...]:
    # Build information has no times of commits.
    entries = [commit(item.get("Id"), None) for item in items]
    return tuple({entry["sha"]: entry for entry in entries if entry}.values())


def _list(text: str | None, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    try:
        return _objects(json.loads(text) if text else []), []
    except ValueError:
        return [], [f"{name} is no JSON"]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_in(package: dict[str, Any], name: str) -> str:
    value = package.get(name)
    return value if isinstance(value, str) else ""


def _asked(get: Callable[[str], str], name: str) -> str:
    try:
        return get(name) or ""
    except KeyError:
        # An older agent's Python function raises it.
        return ""


def _known(text: str) -> str:
    return "" if text.startswith(_UNKNOWN) else text


def _pairs(raw: bytes) -> dict[str, str]:
    """Read `NAME=VALUE`, each followed by a zero byte, which no value can hold."""
    read = {}
    for pair in raw.decode("utf-8", "replace").split("\0"):
        name, _, value = pair.partition("=")
        read[name] = value
    return read


# gitdailies_core/ci/platforms/gitlab.py
# GitLab CI.

# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")

# Where the branch is from, and the repository that it is to be merged into.
_ORIGIN_AND_AIM = (
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "CI_PROJECT_PATH"),
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
)


class GitLab(Platform):
    word = "gitlab"
    title = "GitLab CI"
    marker = "GITLAB_CI"
    turn = 50
    # A retried job stays in its pipeline. The id of a job is its attempt.
    run = ("CI_PIPELINE_ID",)
    # Only merged-result pipelines have the first. Their CI_COMMIT_SHA is a temporary merge commit.
    sha = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA")
    # CI_COMMIT_REF_NAME may be a branch or a tag. Merge request pipelines have no CI_COMMIT_BRANCH.
    branch = (
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    )
    tag = ("CI_COMMIT_TAG",)
    repo = ("CI_PROJECT_PATH",)
    repo_url = ("CI_REPOSITORY_URL",)
    # The name, because the slug is a shortened and changed form of it.
    environment = ("CI_ENVIRONMENT_NAME",)
    url = ("CI_PIPELINE_URL",)
    message = ("CI_COMMIT_MESSAGE",)
    # `running` until after_script.
    status = ("CI_JOB_STATUS",)
    pull = ("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID")
    # Zeros for a new branch and in pipelines of merge requests.
    before = ("CI_COMMIT_BEFORE_SHA",)
    started = ("CI_PIPELINE_SOURCE",)
    starts: Mapping[str, Start] = {
        "push": Starts.OF_A_COMMIT,
        "merge_request_event": Starts.OF_A_COMMIT,
        "external_pull_request_event": Starts.OF_A_COMMIT,
        **dict.fromkeys(
            (
                *("api", "chat", "ondemand_dast_scan", "ondemand_dast_validation", "parent_pipeline"),
                *("pipeline", "schedule", "security_orchestration_policy", "trigger", "web", "webide"),
            ),
            Starts.OF_NO_COMMIT,
        ),
    }
    agent = "gitdailies-gitlab-component"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY as a masked CI/CD variable of the project or group, or name its "
        "variable in webhook-key-env (a protected variable reaches protected branches and tags alone)"
    )
    folder = "CI_PROJECT_DIR"
    # The component passes INPUT_*, because a project's variable overrides a job's of the same name.
    prefix = "INPUT_"
    key_name = "INPUT_WEBHOOK_KEY_ENV"
    names: Mapping[str, str] = {}
    oidc = ("GITDAILIES_ID_TOKEN",)
    no_oidc = "; give the job `id_tokens: {GITDAILIES_ID_TOKEN: {aud: AUDIENCE}}`"

    def read(self, variables: Variables) -> Facts:
        action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
        tier = (variables.first("CI_ENVIRONMENT_TIER") or "").lower()
        skip = f"the environment's action is {action}, which deploys nothing"
        found: dict[str, Any] = {}
        if variables.first("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train":
            # A train builds what the target branch becomes.
            found["branch"], found["pull"] = variables.first("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"), None
        else:
            found["pull"] = _gitlab_pull(variables)
            found["fork"] = any(are_two(*map(variables.first, pair)) for pair in _ORIGIN_AND_AIM)
        facts = self.facts(
            variables,
            rerun=False,
            tier=tier if tier in TIERS else None,
            skip=skip if action in _NO_DEPLOY else None,
            **found,
        )
        # A rollback and a retry keep the source of their pipeline, so no deploy is a push for certain.
        return facts._replace(start=facts.start._replace(trigger="other"))

    def run_of(self, variables: Variables) -> Run | None:
        # "Rollback environment" and a retry run a job again, under another id in the same pipeline.
        pipeline, job = variables.first(*self.run), variables.first("CI_JOB_ID")
        return Run(pipeline, job) if pipeline else None

    def warned(self, environ: Mapping[str, str]) -> int:
        """Return the exit code that the component allows its job to fail with, else 0."""
        code = environ.get("GITDAILIES_WARNING_EXIT", "")
        return int(code) if code.isdecimal() else 0


GITLAB = GitLab()


def _gitlab_pull(variables: Variables) -> str | None:
    merge, external = variables.first("CI_MERGE_REQUEST_IID"), variables.first("CI_EXTERNAL_PULL_REQUEST_IID")
    if merge or variables.first("CI_PIPELINE_SOURCE") == "merge_request_event":
        return f"merge request {merge}" if merge else "a merge request"
    return f"pull request {external}" if external else None


# gitdailies_core/ci/platforms/buildkite.py
# Buildkite. Sources: its "Environment variables" and "buildkite-agent oidc" references.

_CONFIGURATION = "BUILDKITE_PLUGIN_CONFIGURATION"
_KEY_NAME = "webhook-key-env"


class Buildkite(Platform):
    word = "buildkite"
    title = "Buildkite"
    marker = "BUILDKITE"
    turn = 60
    # A retried job stays in its build.
    run = ("BUILDKITE_BUILD_ID",)
    # In builds made by hand this is the word HEAD until the agent's checkout.
    sha = ("BUILDKITE_COMMIT",)
    # If a tag was pushed, this is the tag.
    branch = ("BUILDKITE_BRANCH",)
    tag = ("BUILDKITE_TAG",)
    repo_url = ("BUILDKITE_REPO",)
    environment = ("BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",)
    url = ("BUILDKITE_BUILD_URL",)
    # Set from post-command on.
    status = ("BUILDKITE_COMMAND_EXIT_STATUS",)
    message = ("BUILDKITE_MESSAGE",)
    pull = ("BUILDKITE_PULL_REQUEST",)
    started = ("BUILDKITE_SOURCE",)
    starts: Mapping[str, Start] = {
        "webhook": Starts.PUSHED,
        "schedule": Starts.SCHEDULED,
        **dict.fromkeys(("api", "ui", "trigger_job"), Starts.BY_HAND),
    }
    agent = "gitdailies-buildkite-plugin"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY from a Buildkite secret or in the agent's environment hook, "
        "or name its variable in webhook-key-env"
    )
    folder = "BUILDKITE_BUILD_CHECKOUT_PATH"
    names: Mapping[str, str] = {}
    # A token has no name of the repository. The pipeline's id is in it only if it is asked for.
    oidc = (
        *("buildkite-agent", "oidc", "request-token", "--audience", "AUDIENCE"),
        *("--claim", "pipeline_id", "--lifetime", "300"),
    )
    no_oidc = "; `buildkite-agent oidc request-token` must work in this job"

    def read(self, variables: Variables) -> Facts:
        found: dict[str, Any] = {"run": self.run_of(variables), "pull": None}
        # A rebuild is a build of its own.
        rebuilt = variables.first("BUILDKITE_REBUILT_FROM_BUILD_ID")
        found["rerun"] = bool(rebuilt or (found["run"] and found["run"].attempt))
        branch = variables.first(*self.branch)
        queued_for = variables.first("BUILDKITE_MERGE_QUEUE_BASE_BRANCH")
        number = variables.first(*self.pull)
        if queued_for:
            found["branch"] = queued_for
        elif number and number.lower() != "false":
            found["fork"] = self._forked(variables, branch)
            # A pull request from the default branch only carries it to another one that is released.
            if found["fork"] or branch != variables.first("BUILDKITE_PIPELINE_DEFAULT_BRANCH"):
                found["pull"] = f"pull request {number}"
        facts = self.facts(variables, status_of="the command", **found)
        webhook_of_more = found["pull"] or variables.first("BUILDKITE_GITHUB_DEPLOYMENT_ID")
        return facts._replace(start=Starts.OF_A_COMMIT) if webhook_of_more else facts

    def run_of(self, variables: Variables) -> Run | None:
        """Return the build. Its variable counts the retries of the job, and no first attempt."""
        build, retries = variables.first(*self.run), variables.first("BUILDKITE_RETRY_COUNT")
        again = str(int(retries) + 1) if retries and retries.isdecimal() else None
        return Run(build, later_attempt(again)) if build else None

    def _forked(self, variables: Variables, branch: str | None) -> bool:
        # A setting of the pipeline puts the fork's owner before the branch. No branch's name has a colon.
        if branch and ":" in branch:
            return True
        own, theirs = variables.first(*self.repo_url), variables.first("BUILDKITE_PULL_REQUEST_REPO")
        return are_two(repo_of(own), repo_of(theirs))

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name: the plugin's option, else the GITDAILIES_* variable of that name.

        Raises UsageError for an option that does not exist, and for a key written into the pipeline.
        """
        read = texts(environ)
        for name, value in _options(environ.get(_CONFIGURATION, "")).items():
            if name == "webhook-key":
                raise UsageError(
                    f"webhook-key: expected {_KEY_NAME}, the name of a variable, got a key in the pipeline"
                )
            if name == _KEY_NAME:
                read["webhook-key"] = environ.get(str(value).strip(), "")
            elif name in read:
                read[name] = _buildkite_text(name, value) or read[name]
            else:
                expected = ", ".join(sorted({*read, _KEY_NAME} - {"webhook-key"}))
                raise UsageError(f"{name}: expected one of {expected}, got an option that does not exist")
        return read


BUILDKITE = Buildkite()


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text) if text.strip() else {}
    except ValueError:
        options = text
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise UsageError(f"{_CONFIGURATION}: expected a JSON object, got {got(options)}")
    return options


def _buildkite_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and name in ("repo", "paths"):
        return "\n".join(map(str, value))
    if value is None or isinstance(value, (str, int, float)):
        return "" if value is None else str(value)
    raise UsageError(f"{name}: expected a text, got {got(value)}")


# gitdailies_core/ci/platforms/azure.py
# Azure Pipelines.

# The template's parameters, such as `webhookKey`: Azure's names have no hyphens.
AZURE_PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}
# Each pipeline of `resources` has variables, with its alias in the middle.
_RESOURCE, _OF_RESOURCE = "RESOURCES_PIPELINE_", "_SOURCECOMMIT"
_ISSUE = "##vso[task.logissue type="
# The agent leaves a reference to an unknown variable as it is.
_UNSET = r"^\$\([^()]*\)$"


class Azure(Platform):
    word = "azure"
    title = "Azure Pipelines"
    marker = "TF_BUILD"
    turn = 70
    # A stage that is run again stays in its build.
    run = ("BUILD_BUILDID",)
    attempt = ("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT")
    # For a pull request BUILD_SOURCEVERSION is a temporary merge commit.
    sha = ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION")
    # BUILD_SOURCEBRANCHNAME is only the last part: `tools` of feature/tools.
    branch = ("SYSTEM_PULLREQUEST_SOURCEBRANCH",)
    repo_url = ("BUILD_REPOSITORY_URI",)
    # Deployment jobs have the first, stages of a classic release the second.
    environment = ("ENVIRONMENT_NAME", "RELEASE_ENVIRONMENTNAME")
    status = ("AGENT_JOBSTATUS",)
    pull = ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID")
    started = ("BUILD_REASON",)
    starts: Mapping[str, Start] = {
        **dict.fromkeys(("IndividualCI", "BatchedCI"), Starts.PUSHED),
        **dict.fromkeys(("PullRequest", "CheckInShelveset", "ValidateShelveset"), Starts.OF_A_COMMIT),
        "Schedule": Starts.SCHEDULED,
        "Manual": Starts.BY_HAND,
        **dict.fromkeys(("ResourceTrigger", "BuildCompletion"), Starts.OF_NO_COMMIT),
    }
    agent = "gitdailies-azure-pipelines"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY as a secret variable of the pipeline or of a variable group, or "
        "pass webhookKey: its reference (runs of forks get no secrets unless the pipeline says so)"
    )
    folder = "BUILD_SOURCESDIRECTORY"
    names = AZURE_PARAMETERS

    def read(self, variables: Variables) -> Facts:
        ref = variables.first("BUILD_SOURCEBRANCH")
        found: dict[str, Any] = {
            "repo": self._repo(variables),
            "branch": variables.first(*self.branch) or branch_of(ref),
            "tag": tag_of(ref),
            "pull": self._pull(variables),
            "fork": (variables.first("SYSTEM_PULLREQUEST_ISFORK") or "").lower() == "true",
        }
        if variables.first("RELEASE_RELEASEID", "RELEASE_DEPLOYMENTID"):
            found.update(_of_release(variables))
        else:
            found["url"] = self._url(variables)
            found["resource"] = _resource(variables)
        return self.facts(variables, **found)

    def _pull(self, variables: Variables) -> str | None:
        number = variables.first(*self.pull)
        if number:
            return f"pull request {number}"
        reason = variables.first("BUILD_REASON", "RELEASE_REASON") or ""
        ref = variables.first("BUILD_SOURCEBRANCH") or ""
        return "a pull request" if reason == "PullRequest" or ref.startswith("refs/pull/") else None

    def _repo(self, variables: Variables) -> str | None:
        name, address = variables.first("BUILD_REPOSITORY_NAME"), variables.first(*self.repo_url) or ""
        # Other providers put the name there without the owner.
        if variables.first("BUILD_REPOSITORY_PROVIDER") in ("GitHub", "GitHubEnterprise"):
            return name
        collection = variables.first("SYSTEM_COLLECTIONURI")
        if collection and "/_git/" in address:
            # A server may be below a path of its own. The collection's address shows it.
            where = urlsplit(without_user(collection))
            base = where.path.rstrip("/").rpartition("/")[0]
            here = urlsplit(without_user(address))
            if base and here.path.startswith(base + "/"):
                return slug(f"{here.scheme}://{here.netloc}{here.path[len(base) :]}")
        return slug(address)

    def _url(self, variables: Variables) -> str | None:
        collection, project = variables.first("SYSTEM_COLLECTIONURI"), variables.first("SYSTEM_TEAMPROJECT")
        run = variables.first(*self.run)
        if not (collection and project and run):
            return None
        return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={run}"

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name. The address and the key refer to variables, which may be missing."""
        read = super().inputs(environ)
        for name in ("webhook-url", "webhook-key"):
            if re.match(_UNSET, read[name].strip()):
                read[name] = ""
        return read

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. Errors and warnings also appear on the run's page.

        The agent reads its commands anywhere in a line, so a foreign text must not hold one.
        """
        plain = [line.replace("##", "# #") for line in lines(report, fails)]
        notes, warned = len(report.notes), len(report.notes) + len(report.warnings)
        shown = plain[:notes] + [f"{_ISSUE}warning]{line}" for line in plain[notes:warned]]
        if report.ok:
            return shown + plain[warned:]
        return shown + [f"{_ISSUE}{'error' if fails else 'warning'}]{line}" for line in plain[warned:]]


AZURE = Azure()


def _resource(variables: Variables) -> Resource | None:
    """Return the pipeline of `resources` that triggered the run, else the only one."""
    alias = re.sub(r"\W", "_", variables.first("RESOURCES_TRIGGERINGALIAS") or "").upper()
    found = [name for name in variables.names(_RESOURCE, _OF_RESOURCE) if alias in ("", name)]
    sha = full_sha(variables.first(_RESOURCE + found[0] + _OF_RESOURCE)) if len(found) == 1 else None
    if not sha:
        return None
    name = (variables.first("RESOURCES_TRIGGERINGALIAS") if alias else None) or found[0].lower()
    return Resource(
        f"the pipeline resource {name}",
        sha,
        branch_of(variables.first(f"{_RESOURCE}{found[0]}_SOURCEBRANCH")),
        f"if the resource was deployed, set sha: $(resources.pipeline.{name}.sourceCommit) and, if its "
        "repository is another, repo",
    )


def _of_release(variables: Variables) -> dict[str, Any]:
    """Read a classic release. A stage that is deployed again is another deployment of it.

    The primary artifact gives the repository and the commit. Variables of a build have them, or those of
    the artifact do.
    """
    release, deployment = variables.first("RELEASE_RELEASEID"), variables.first("RELEASE_DEPLOYMENTID")
    alias = re.sub(r"\W", "_", variables.first("RELEASE_PRIMARYARTIFACTSOURCEALIAS") or "").upper()
    artifact = f"RELEASE_ARTIFACTS_{alias}_"
    ref = variables.first("BUILD_SOURCEBRANCH", artifact + "SOURCEBRANCH")
    return {
        "run": Run(release or deployment or "", deployment, (deployment,) if deployment else ()),
        # Each stage is another deployment, also the first time.
        "rerun": False,
        "sha": variables.first("BUILD_SOURCEVERSION", artifact + "SOURCEVERSION"),
        "branch": branch_of(ref),
        "tag": tag_of(ref),
        "url": variables.first("RELEASE_RELEASEWEBURL"),
    }


# gitdailies_core/ci/platforms/bitbucket.py
# Bitbucket Pipelines. Sources: its "Variables and secrets" page, its blog on audiences of OIDC.

class Bitbucket(Platform):
    word = "bitbucket"
    title = "Bitbucket Pipelines"
    marker = "BITBUCKET_BUILD_NUMBER"
    # Each repository counts its own builds. The deploy's id holds the repository, too.
    run = ("BITBUCKET_BUILD_NUMBER",)
    attempt = ("BITBUCKET_STEP_RUN_NUMBER",)
    sha = ("BITBUCKET_COMMIT",)
    # Not set if the run builds a tag.
    branch = ("BITBUCKET_BRANCH",)
    tag = ("BITBUCKET_TAG",)
    repo = ("BITBUCKET_REPO_FULL_NAME",)
    repo_url = ("BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN")
    # Only steps with `deployment:` have it.
    environment = ("BITBUCKET_DEPLOYMENT_ENVIRONMENT",)
    # Only set in after-script.
    status = ("BITBUCKET_EXIT_CODE",)
    # Pipelines of a fork's pull request run in the fork.
    pull = ("BITBUCKET_PR_ID",)
    agent = "gitdailies-bitbucket-pipelines"
    no_key = "; set GITDAILIES_WEBHOOK_KEY as a secured variable of the workspace, repository or deployment"
    folder = "BITBUCKET_CLONE_DIR"
    oidc = ("BITBUCKET_STEP_OIDC_TOKEN",)
    no_oidc = "; give the step `oidc: {audiences: [AUDIENCE]}`"

    def read(self, variables: Variables) -> Facts:
        repo, run = variables.first(*self.repo), variables.first(*self.run)
        # No variable holds the run's address.
        url = f"https://bitbucket.org/{repo}/pipelines/results/{run}" if repo and run else None
        return self.facts(variables, url=url, status_of="the script")


BITBUCKET = Bitbucket()


# gitdailies_core/ci/platforms/codebuild.py
# AWS CodeBuild, by itself or in CodePipeline.

# arn:PARTITION:codebuild:REGION:ACCOUNT:build/PROJECT:ID
_ARN = r"^arn:aws:codebuild:([a-z0-9-]+):([0-9]+):build/([^:]+):"


class CodeBuild(Platform):
    word = "codebuild"
    title = "AWS CodeBuild"
    marker = "CODEBUILD_BUILD_ID"
    # A build that is retried gets a new id.
    run = ("CODEBUILD_BUILD_ID",)
    # A squashed pull request has the first. The last may be a branch, a tag or pr/7.
    sha = (
        "CODEBUILD_WEBHOOK_MERGE_COMMIT",
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
        "CODEBUILD_SOURCE_VERSION",
    )
    # Only builds that a webhook started have it.
    branch = ("CODEBUILD_WEBHOOK_HEAD_REF",)
    # Empty in CodePipeline.
    repo_url = ("CODEBUILD_SOURCE_REPO_URL",)
    before = ("CODEBUILD_WEBHOOK_PREV_COMMIT",)
    started = ("CODEBUILD_WEBHOOK_EVENT",)
    # A retry has the event of its first build. Without a webhook, nothing says what started the build.
    starts: Mapping[str, Start] = {
        "PUSH": Starts.PERHAPS_PUSHED,
        **dict.fromkeys(("RELEASED", "PRERELEASED"), Starts.OF_A_COMMIT),
        **dict.fromkeys(
            (f"PULL_REQUEST_{what}" for what in ("CREATED", "UPDATED", "REOPENED", "MERGED", "CLOSED")),
            Starts.OF_A_COMMIT,
        ),
    }
    agent = "gitdailies-codebuild"
    no_key = "; set GITDAILIES_WEBHOOK_KEY in env: secrets-manager or parameter-store of the buildspec"
    folder = "CODEBUILD_SRC_DIR"

    def read(self, variables: Variables) -> Facts:
        ref = variables.first(*self.branch)
        merged = variables.first("CODEBUILD_WEBHOOK_EVENT") == "PULL_REQUEST_MERGED"
        number = re.match(
            r"^pr/(\d+)$", variables.first("CODEBUILD_WEBHOOK_TRIGGER", "CODEBUILD_SOURCE_VERSION") or ""
        )
        return self.facts(
            variables,
            branch=branch_of(variables.first("CODEBUILD_WEBHOOK_BASE_REF") if merged else ref),
            tag=tag_of(ref),
            pull=f"pull request {number[1]}" if number and not merged else None,
            # No variable tells.
            fork=None,
            # 1 while the build succeeds. In post_build it may be 0.
            status="failed" if variables.first("CODEBUILD_BUILD_SUCCEEDING") == "0" else None,
            status_of="the build so far",
            url=self._url(variables),
        )

    def _url(self, variables: Variables) -> str | None:
        build = variables.first(*self.run)
        found = re.match(_ARN, variables.first("CODEBUILD_BUILD_ARN") or "")
        if not (build and found):
            return None
        console = f"https://{found[1]}.console.aws.amazon.com/codesuite/codebuild/{found[2]}"
        return f"{console}/projects/{quote(found[3])}/build/{quote(build, safe='')}"


CODEBUILD = CodeBuild()


# gitdailies_core/ci/platforms/drone.py
# Drone. Harness Open Source sets the same variables. Source: its "Environment reference" page.

class Drone(Platform):
    word = "drone"
    title = "Drone"
    marker = "DRONE"
    # A restart and a promotion are builds of their own.
    run = ("DRONE_BUILD_NUMBER",)
    sha = ("DRONE_COMMIT_SHA", "DRONE_COMMIT")
    # For a pull request DRONE_BRANCH and DRONE_COMMIT_BRANCH are the target.
    branch = ("DRONE_COMMIT_BRANCH", "DRONE_BRANCH")
    tag = ("DRONE_TAG",)
    repo = ("DRONE_REPO",)
    repo_url = ("DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL", "DRONE_GIT_SSH_URL")
    # Promotions and rollbacks have it.
    environment = ("DRONE_DEPLOY_TO",)
    url = ("DRONE_BUILD_LINK",)
    # `success` until a step fails.
    status = ("DRONE_BUILD_STATUS",)
    message = ("DRONE_COMMIT_MESSAGE",)
    before = ("DRONE_COMMIT_BEFORE",)
    pull = ("DRONE_PULL_REQUEST",)
    started = ("DRONE_BUILD_EVENT",)
    # A restart has the event of its first build.
    starts: Mapping[str, Start] = {
        "push": Starts.PERHAPS_PUSHED,
        "tag": Starts.PERHAPS_PUSHED,
        "pull_request": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "custom": Starts.BY_HAND,
        "promote": Starts.PROMOTED,
        "rollback": Starts.PROMOTED,
    }
    agent = "gitdailies-drone"
    no_key = "; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"
    folder = "DRONE_WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        # A promotion of a pull request's build, and a rollback to it, keeps the number, and is no job of it.
        event_name = variables.first("DRONE_BUILD_EVENT")
        return self.facts(
            variables,
            pull=event_name not in ("promote", "rollback"),
            type="rollback" if event_name == "rollback" else None,
            # No variable tells.
            fork=None,
            status_of="the build so far",
        )


DRONE = Drone()


# gitdailies_core/ci/platforms/google_cloud_build.py
# Google Cloud Build. Source: its "Substituting variable values" page.

class GoogleCloudBuild(Platform):
    word = "google-cloud-build"
    title = "Google Cloud Build"
    # Where a step writes its outputs. The other variables of Cloud Build have names that Jenkins has, too.
    marker = "BUILDER_OUTPUT"
    # A build that is retried gets a new id.
    run = ("BUILD_ID",)
    sha = ("COMMIT_SHA", "REVISION_ID")
    # For a pull request it is the source.
    branch = ("BRANCH_NAME",)
    tag = ("TAG_NAME",)
    repo = ("REPO_FULL_NAME",)
    pull = ("_PR_NUMBER",)
    agent = "gitdailies-google-cloud-build"
    no_key = "; set GITDAILIES_WEBHOOK_KEY by secretEnv from Secret Manager"

    def read(self, variables: Variables) -> Facts:
        project, location = variables.first("PROJECT_ID"), variables.first("LOCATION") or "global"
        build, url = variables.first(*self.run), None
        if project and build:
            console = "https://console.cloud.google.com/cloud-build/builds"
            url = f"{console};region={location}/{build}?project={project}"
        repo, theirs = variables.first(*self.repo), repo_of(variables.first("_HEAD_REPO_URL"))
        # A repository of Cloud Source Repositories has no owner.
        named = repo if repo and "/" in repo else None
        return self.facts(variables, repo=named, fork=are_two(theirs, repo), url=url)


GOOGLE_CLOUD_BUILD = GoogleCloudBuild()


# gitdailies_core/ci/platforms/teamcity.py
# TeamCity.

# Variables that TeamCity does not set by itself, and the parameters that fill them.
ADDED = {
    "TEAMCITY_BUILD_ID": "teamcity.build.id",
    "TEAMCITY_BUILD_BRANCH": "teamcity.build.branch",
    "TEAMCITY_VCS_URL": "vcsroot.url",
}
# The default branch, if the VCS root has no name for it.
_DEFAULT = "<default>"
# The feature "Pull Requests" names such branches.
_PULL = r"^(?:refs/)?(?:pull|pull-requests|merge-requests|pullrequest)/([0-9]+)(?:/|$)"


class TeamCity(Platform):
    word = "teamcity"
    title = "TeamCity"
    marker = "TEAMCITY_VERSION"
    # A build that runs again is a build of its own.
    run = ("TEAMCITY_BUILD_ID", "BUILD_URL")
    sha = ("BUILD_VCS_NUMBER",)
    branch = ("TEAMCITY_BUILD_BRANCH",)
    repo_url = ("TEAMCITY_VCS_URL",)
    url = ("BUILD_URL",)
    agent = "gitdailies-teamcity"
    no_key = "; add the parameter env.GITDAILIES_WEBHOOK_KEY of type Password to the build configuration"

    def read(self, variables: Variables) -> Facts:
        ref = variables.first(*self.branch)
        found = re.match(_PULL, ref or "")
        return self.facts(
            variables,
            branch=None if found or ref == _DEFAULT else branch_of(ref),
            tag=tag_of(ref),
            pull=f"pull request {found[1]}" if found else None,
            # Only the number of a pull request is known.
            fork=None,
        )


TEAMCITY = TeamCity()


# gitdailies_core/ci/platforms/woodpecker.py
# Woodpecker CI. Source: its "Environment variables" page.

class Woodpecker(Platform):
    word = "woodpecker"
    title = "Woodpecker CI"
    # CI is `woodpecker` there, and `true` on most other platforms.
    marker = "CI_SYSTEM_NAME"
    # A restart and a deployment are pipelines of their own.
    run = ("CI_PIPELINE_NUMBER",)
    sha = ("CI_COMMIT_SHA",)
    # For a pull request it is the target.
    branch = ("CI_COMMIT_BRANCH",)
    tag = ("CI_COMMIT_TAG",)
    repo = ("CI_REPO",)
    repo_url = ("CI_REPO_CLONE_URL", "CI_REPO_URL")
    # The event `deployment` has it.
    environment = ("CI_PIPELINE_DEPLOY_TARGET",)
    url = ("CI_PIPELINE_URL",)
    # `success` until a step fails; version 3 has it no longer.
    status = ("CI_PIPELINE_STATUS",)
    message = ("CI_COMMIT_MESSAGE",)
    pull = ("CI_COMMIT_PULL_REQUEST",)
    started = ("CI_PIPELINE_EVENT",)
    starts: Mapping[str, Start] = {
        "push": Starts.PUSHED,
        "tag": Starts.PERHAPS_PUSHED,
        "release": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "manual": Starts.BY_HAND,
        "deployment": Starts.PROMOTED,
        **dict.fromkeys(("pull_request", "pull_request_closed", "pull_request_metadata"), Starts.OF_A_COMMIT),
    }
    agent = "gitdailies-woodpecker"
    no_key = "; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"
    folder = "CI_WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        # A deployment of a pull request's pipeline keeps the number, and is no job of it.
        event_name = variables.first("CI_PIPELINE_EVENT") or ""
        # A restart and a deployment name the pipeline that they are of, and others 0.
        parent = variables.first("CI_PIPELINE_PARENT")
        facts = self.facts(
            variables,
            pull=event_name.startswith("pull_request"),
            rerun=parent not in (None, "0") and event_name != "deployment",
            # No variable tells.
            fork=None,
            status_of="the pipeline so far",
        )
        is_unsure = parent is None and facts.start is Starts.PUSHED
        return facts._replace(start=Starts.PERHAPS_PUSHED) if is_unsure else facts


WOODPECKER = Woodpecker()


# gitdailies_core/ci/platforms/jenkins.py
# Jenkins.

# GIT_BRANCH begins with the remote, which is origin unless the job names another one. Only from these
# branches and remotes it can be told from a branch with a slash.
_REMOTE = (
    r"^(?:refs/remotes/[^/]+|(?:remotes/)?(?:origin|upstream)|[^/]+(?=/(?:main|master|develop|trunk)$))/"
)


class Jenkins(Platform):
    word = "jenkins"
    title = "Jenkins"
    marker = "JENKINS_URL"
    # The last one: its agents often share a machine with another platform's agent.
    turn = 90
    # A replay and a restart from a stage are builds of their own.
    run = ("BUILD_TAG", "BUILD_URL")
    # The GitHub pull request builder checks out a temporary merge commit.
    sha = ("ghprbActualCommit", "GIT_COMMIT")
    # In multibranch pipelines BRANCH_NAME may also be a tag, or PR-7 for a pull request.
    branch = (
        "CHANGE_BRANCH",
        "ghprbSourceBranch",
        "gitlabSourceBranch",
        "BRANCH_NAME",
        "GIT_LOCAL_BRANCH",
        "GIT_BRANCH",
    )
    tag = ("TAG_NAME",)
    repo_url = ("GIT_URL", "GIT_URL_1")
    url = ("BUILD_URL",)
    before = ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "GIT_PREVIOUS_COMMIT")
    pull = ("CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid")
    agent = "gitdailies-jenkins"
    no_key = (
        "; add a secret text to the credentials and bind it to GITDAILIES_WEBHOOK_KEY around this step, "
        "with withCredentials"
    )
    # No folder: a `dir` step changes the current directory, and git reads that one.
    root = "WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        branch, tag = variables.first(*self.branch), variables.first(*self.tag)
        # Only GIT_BRANCH begins with the remote: origin/main, refs/remotes/origin/main. Older git plugins
        # name a tag there.
        if branch and branch == variables.first("GIT_BRANCH"):
            branch = re.sub(_REMOTE, "", branch)
            if branch.startswith(("tags/", "refs/tags/")):
                tag, branch = branch.partition("tags/")[2], None
        if (variables.first("gitlabMergeRequestState") or "").lower() == "merged":
            branch = variables.first("gitlabTargetBranch")
        return self.facts(
            variables,
            # An old git plugin has one of these words if it checked out a bare commit.
            branch=None if branch in ("detached", "HEAD") else branch,
            tag=tag,
            pull=_jenkins_pull(variables),
            fork=self._forked(variables),
        )

    def _forked(self, variables: Variables) -> bool:
        if variables.first("CHANGE_FORK"):
            return True
        theirs, own = variables.first("ghprbAuthorRepoGitUrl"), variables.first(*self.repo_url)
        namespaces = map(variables.first, ("gitlabSourceNamespace", "gitlabTargetNamespace"))
        return are_two(repo_of(theirs), repo_of(own)) or are_two(*namespaces)


JENKINS = Jenkins()


def _jenkins_pull(variables: Variables) -> str | None:
    """Return the open pull or merge request of a multibranch pipeline, or of GitHub's or GitLab's plugin."""
    number = variables.first("CHANGE_ID", "ghprbPullId")
    if number:
        return f"pull request {number}"
    merge = variables.first("gitlabMergeRequestIid")
    state = (variables.first("gitlabMergeRequestState") or "opened").lower()
    return f"merge request {merge}" if merge and state != "merged" else None

# The platforms of this file, and its version, which the receiver gets with each deploy.
PLATFORMS = (GITHUB_ACTIONS, CIRCLECI, TRAVIS, OCTOPUS, GITLAB, BUILDKITE, AZURE, BITBUCKET, CODEBUILD, DRONE, GOOGLE_CLOUD_BUILD, TEAMCITY, WOODPECKER, JENKINS,)
VERSION = "0.1.0"

if __name__ == "__main__":
    start(PLATFORMS, VERSION, globals())
