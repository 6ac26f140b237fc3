"""Report a deploy to GitDailies from a CI job.

Version 0.1.0. Joined by scripts/joiner from the files below; change those.
Standard library only, Python 3.9 or later.

    core/gitdailies_core/ci/frozen.py
    core/gitdailies_core/error_text.py
    core/gitdailies_core/errors.py
    core/gitdailies_core/values/times.py
    core/gitdailies_core/events/field_types.py
    core/gitdailies_core/events/events.py
    core/gitdailies_core/ci/facts.py
    core/gitdailies_core/events/dialect.py
    core/gitdailies_core/ci/report.py
    core/gitdailies_core/values/secret.py
    core/gitdailies_core/ci/settings.py
    core/gitdailies_core/ci/console.py
    core/gitdailies_core/ci/git_url.py
    core/gitdailies_core/ci/table.py
    core/gitdailies_core/events/ids.py
    core/gitdailies_core/ci/deploy.py
    core/gitdailies_core/ci/checkout.py
    core/gitdailies_core/retry.py
    core/gitdailies_core/ci/sender.py
    core/gitdailies_core/ci/step.py
    core/gitdailies_core/ci/workflow_commands.py
    core/gitdailies_core/ci/platforms/github_actions.py
    core/gitdailies_core/ci/platforms/circleci.py
    core/gitdailies_core/ci/platforms/travis.py
    core/gitdailies_core/ci/platforms/octopus.py
    core/gitdailies_core/ci/platforms/gitlab.py
    core/gitdailies_core/ci/platforms/buildkite.py
    core/gitdailies_core/ci/platforms/azure.py
    core/gitdailies_core/ci/platforms/bitbucket.py
    core/gitdailies_core/ci/platforms/jenkins.py
    core/gitdailies_core/ci/platforms/__init__.py
    core/gitdailies_core/ci/detection.py
    core/gitdailies_core/ci/__main__.py
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):
    sys.exit("expected Python 3.9 or later, got %d.%d" % sys.version_info[:2])


import hashlib
import hmac
import json
import os
import re
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit, urlunsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Callable, NoReturn, Union
    from urllib.parse import SplitResult


# core/gitdailies_core/ci/frozen.py
# Replace `dataclasses.dataclass(frozen=True)` in the one-file steps.


def dataclass(*, frozen: bool) -> Callable[[type], type]:
    """Add `__init__`, `__repr__`, `__eq__` and `__hash__` by the class's fields, and forbid changes."""
    if not frozen:
        raise TypeError("dataclass: expected frozen=True, got False")

    def decorate(cls: Any) -> Any:
        names = tuple(cls.__dict__.get("__annotations__", ()))
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            values = {**defaults, **dict(zip(names, args)), **kwargs}
            if len(args) > len(names) or len(values) != len(names) or not kwargs.keys() <= values.keys():
                raise TypeError(
                    f"{cls.__name__}: expected {', '.join(names)}, got {len(args)} and {list(kwargs)}"
                )
            for name in names:
                object.__setattr__(self, name, values[name])

        def __setattr__(self: Any, name: str, value: Any) -> None:
            raise AttributeError(f"{cls.__name__}.{name}: expected no change, got one")

        def values_of(self: Any) -> tuple[Any, ...]:
            return tuple(getattr(self, name) for name in names)

        cls.__init__ = __init__
        cls.__setattr__ = __setattr__
        cls.__eq__ = lambda self, other: other.__class__ is cls and values_of(self) == values_of(other)
        cls.__hash__ = lambda self: hash(values_of(self))
        cls.__repr__ = lambda self: f"{cls.__name__}{values_of(self)}"
        return cls

    return decorate


# core/gitdailies_core/error_text.py
# Text for error messages: a wrong value shown safely, and the name of the setting that holds it.


_LONGEST = 60


_MOST_BITS = 200  # as many as 60 digits hold; Python refuses to write out very long ones


def relabel(message: str, names: Mapping[str, str]) -> str:
    """Replace the place at the start of `where: expected, got`.

    *names* maps our name of a place to the name that the reader knows, such as a command-line option.
    """
    where, colon, rest = message.partition(": ")
    return f"{names.get(where, where)}{colon}{rest}"


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
        return ascii(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    if isinstance(value, (list, tuple)):
        return "a list of " + str(len(value))
    if isinstance(value, dict):
        return "an object"
    return type(value).__name__


# core/gitdailies_core/errors.py
# Every error that this project raises on purpose.


class GitDailiesError(Exception):
    """The root. Catching it catches every error of this project and no other."""

    status_hint = 500
    exit_code = 1


class UsageError(GitDailiesError):
    """A wrong argument or setting; nothing was sent."""

    status_hint = 400
    exit_code = 2


class ConfigurationError(UsageError):
    """Wrong settings in a configuration file. `complaints` has one line for each mistake."""

    def __init__(self, *complaints: str) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = complaints


class InvalidEvent(GitDailiesError):
    """An event that does not fit core's table. `field` is the wire name at fault, or empty."""

    status_hint = 422
    exit_code = 2

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


# core/gitdailies_core/values/times.py
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


_RFC3339 = re.compile(RFC3339)


_EXPECTED = "a time like 2026-03-04T09:12:41Z"


def parse(text: Any, where: str) -> datetime:
    """Read an RFC 3339 time with a zone, as aware UTC. Digits after the sixth fractional one are cut.

    Raises ValueError that says `where: expected, got`.
    """
    match = _RFC3339.search(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}")
    fraction, zone = match[4] or "", match[5]
    try:
        # fromisoformat reads six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(f"{text[:19]}.{fraction[1:7]:0<6}+00:00")
        moment = datetime.fromisoformat(f"{text[:19]}.{fraction[1:7]:0<6}{zone}")
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}") from None


def text_of(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with 0, 3 or 6 fractional digits as needed.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("time: expected an aware time, got a naive one")
    utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    micros = utc.microsecond
    # isoformat omits a fraction of zero and writes any other with six digits.
    return utc.isoformat()[: 19 if not micros else 26 if micros % 1000 else 23] + "Z"


# core/gitdailies_core/events/field_types.py
# The types of event fields, and the one place that checks their values.


DEPLOY_TYPES = ("deploy", "rollback", "hotfix")


FIELD_TYPES_MOST_COMMITS = 1000


# `$(?!\n)` because Python's `$`, unlike ECMA's, also matches before a last line feed.
_FIELD_TYPES_SHA = r"^[0-9a-fA-F]{7,64}$(?!\n)"


_REPO = r"^[^/\u0000-\u0020\u007f]+(/[^/\u0000-\u0020\u007f]+)+$(?!\n)"


_LINE = r"^[^\u0000-\u001f\u007f]*$(?!\n)"


_ID = r"^[\u0021-\u007e]*$(?!\n)"


_URL = r"^(https?://[^\u0000-\u0020\u007f]*)?$(?!\n)"


@dataclass(frozen=True)
class FieldType:
    """A type of field: a pattern or a list of words, and a greatest length in characters.

    If `printable` is true, the pattern matches every text for which `str.isprintable` holds.
    That check is fast.
    """

    expected: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    longest: int = 255
    form: str = "text"
    printable: bool = False

    @cached_property
    def fits(self) -> Callable[[str], Any]:
        """A check of the pattern or the words, without the length."""
        # Compiled on first use: a CI step checks one event, a server checks the same few fields all the time.
        return self.words.__contains__ if self.words else re.compile(self.pattern).search

    def accepts(self, text: str) -> bool:
        """Return whether *text* is a value of this type."""
        return len(text) <= self.longest and bool(self.fits(text)) and _encodable(text)


REPO = FieldType("a repository like 'larkspur/checkout-api'", _REPO)


SHA = FieldType("7 to 64 hexadecimal digits", _FIELD_TYPES_SHA, longest=64)


LINE = FieldType("text on one line", _LINE, printable=True)


TITLE = FieldType("text on one line", _LINE, longest=1000, printable=True)


IDENTIFIER = FieldType("printable ASCII without spaces", _ID)


URL = FieldType("an http or https address", _URL, longest=2000)


TIME = FieldType("a time like 2026-03-04T09:12:41Z", RFC3339, longest=40, form="time")


TYPE = FieldType("one of deploy, rollback, hotfix", words=DEPLOY_TYPES)


COMMITS = FieldType(f"a list of at most {FIELD_TYPES_MOST_COMMITS} objects with sha and time", form="commits")


def normalize(kind: FieldType, where: str, value: Any) -> Any:
    """Return *value* in the form that an event holds. Raises InvalidEvent that names the field *where*."""
    if kind.printable and isinstance(value, str) and len(value) <= kind.longest and value.isprintable():
        return value  # nearly every text; half of a surrogate pair is not printable
    if kind.form == "time":
        return _normalize_time(value, where, where)
    if kind.form == "commits":
        return _normalize_commits(kind, where, value)
    if isinstance(value, str) and kind.accepts(value):
        return value.lower() if kind is SHA else value
    raise InvalidEvent(f"{where}: expected {kind.expected}, got {describe_misfit(kind, value)}", where)


def describe_misfit(kind: FieldType, value: Any) -> str:
    """Describe a value that the type does not accept, for the right half of `expected, got`."""
    if isinstance(value, str) and len(value) > kind.longest:
        return f"{len(value)} characters, {kind.longest} are allowed"
    if isinstance(value, str) and not _encodable(value):
        return "half of a surrogate pair"
    return got(value)


def _normalize_time(value: Any, where: str, field: str) -> str:
    if isinstance(value, datetime):
        return text_of(value)
    try:
        return text_of(parse(value, where))
    except ValueError as error:
        raise InvalidEvent(str(error), field) from None


def _normalize_commits(kind: FieldType, where: str, value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or len(value) > FIELD_TYPES_MOST_COMMITS:
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", where)
    commits = []
    for index, commit in enumerate(value):
        place = f"{where}[{index}]"
        if not isinstance(commit, dict):
            raise InvalidEvent(f"{place}: expected an object with sha and time, got {got(commit)}", where)
        sha = commit.get("sha")
        if not isinstance(sha, str) or not SHA.fits(sha):
            raise InvalidEvent(f"{place}.sha: expected {SHA.expected}, got {got(sha)}", where)
        entry = {"sha": sha.lower()}
        if commit.get("time") is not None:
            entry["time"] = _normalize_time(commit["time"], f"{place}.time", where)
        commits.append(entry)
    return commits


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# core/gitdailies_core/events/events.py
# The events that GitDailies counts: one table of kinds and fields, and the value `Event`.


DEPLOYED = "deployed"


INCIDENT_STARTED = "incidentStarted"


INCIDENT_RESOLVED = "incidentResolved"


@dataclass(frozen=True)
class Field:
    """A field of a kind: its wire name, its type, and whether GitDailies documents it."""

    name: str
    type: FieldType
    about: str
    required: bool = False
    documented: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of event: its wire word, its fields and an example."""

    word: str
    title: str
    fields: tuple[Field, ...]
    example: Mapping[str, Any]

    @cached_property
    def names(self) -> frozenset[str]:
        """The wire names of this kind's fields, and `kind`."""
        return frozenset({"kind", *(field.name for field in self.fields)})

    def field(self, name: str) -> Field | None:
        """Find a field by its wire name. Returns None if the kind has no such field."""
        return next((field for field in self.fields if field.name == name), None)


_REPO_FIELD = Field("repo", REPO, "the repository, as owner/name", required=True, documented=True)


_ENVIRONMENT = Field(
    "environment", LINE, "where it happened; left out, it counts as production", documented=True
)


_TIME = Field("time", TIME, "when it happened; left out, the moment of the call", documented=True)


_IDENTITY = Field("id", IDENTIFIER, "names this event; the same at every attempt, so that it counts once")


_SERVICE = Field("service", LINE, "the service, where a repository holds several")


_EVENT_URL = Field("url", URL, "a page about it")


_INCIDENT = Field(
    "incidentId",
    LINE,
    "joins a start to its end: the incident's id at its vendor",
    required=True,
    documented=True,
)


_SOURCE = Field("source", LINE, "the tool that reported the incident")


KINDS: tuple[Kind, ...] = (
    Kind(
        word=DEPLOYED,
        title="deploy occurred",
        fields=(
            _REPO_FIELD,
            Field("commitSHA", SHA, "the commit that was deployed", required=True, documented=True),
            _ENVIRONMENT,
            Field("branch", LINE, "the branch it was built from", documented=True),
            _TIME,
            _IDENTITY,
            _SERVICE,
            Field("type", TYPE, "what kind of deploy; left out, deploy"),
            _EVENT_URL,
            Field("commits", COMMITS, "the commits it brought, each with its time; for the lead time"),
            Field("commitTime", TIME, "when the deployed commit was made, where `commits` is not known"),
            Field("fixes", LINE, "the id of the incident that it fixes"),
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
    ),
    Kind(
        word=INCIDENT_STARTED,
        title="incident started",
        fields=(
            _INCIDENT,
            _REPO_FIELD,
            _ENVIRONMENT,
            _TIME,
            _IDENTITY,
            Field("title", TITLE, "what it is about"),
            Field("severity", LINE, "how bad it is, in the vendor's words"),
            _SERVICE,
            _SOURCE,
            _EVENT_URL,
            Field("causedBy", SHA, "the commit that caused it"),
        ),
        example={
            "kind": INCIDENT_STARTED,
            "incidentId": "Q1LARK7XW2M4CD",
            "repo": "larkspur/checkout-api",
            "environment": "production",
            "time": "2026-03-04T09:12:41Z",
            "title": "Checkout returns 502 for card payments",
            "source": "pagerduty",
        },
    ),
    Kind(
        word=INCIDENT_RESOLVED,
        title="incident resolved",
        fields=(
            _INCIDENT,
            _REPO_FIELD,
            _ENVIRONMENT,
            _TIME,
            _IDENTITY,
            _SOURCE,
            _SERVICE,
            _EVENT_URL,
            Field("causedBy", SHA, "the commit that caused it, where that is known only at the end"),
            Field("mergedInto", LINE, "the incident that this one was merged into"),
            Field("resolution", LINE, "how it ended; `merged` closes it without counting a recovery"),
        ),
        example={
            "kind": INCIDENT_RESOLVED,
            "incidentId": "Q1LARK7XW2M4CD",
            "repo": "larkspur/checkout-api",
            "environment": "production",
            "time": "2026-03-04T10:02:18.204Z",
            "source": "pagerduty",
        },
    ),
)


def kind_of(word: Any, kinds: tuple[Kind, ...] = KINDS) -> Kind:
    """Find a kind by its wire word. Raises InvalidEvent that lists the words."""
    for kind in kinds:
        if kind.word == word:
            return kind
    words = ", ".join(kind.word for kind in kinds)
    raise InvalidEvent(f"kind: expected one of {words}, got {got(word)}", "kind")


@dataclass(frozen=True)
class Event:
    """One event, checked against the table. Build it with `make` or `from_wire`.

    `values` maps wire names to plain JSON values. Times are RFC 3339 text in UTC. No value is
    empty. `extra` holds unknown fields unchanged.
    """

    kind: str
    values: Mapping[str, Any]
    extra: Mapping[str, Any]

    @classmethod
    def make(cls, kind: str, **values: Any) -> Event:
        """Build an event from wire names. A time may be a datetime, and None means not given.

        Raises InvalidEvent for an unknown kind or field and for a wrong value.
        """
        values["kind"] = kind
        event = cls.from_wire(values)
        for name in event.extra:
            names = ", ".join(field.name for field in kind_of(kind).fields)
            raise InvalidEvent(f"{name}: expected one of {names}, got another name", name)
        return event

    @classmethod
    def from_wire(cls, body: Any, kinds: tuple[Kind, ...] = KINDS) -> Event:
        """Check a JSON object against the table. null and "" mean not given.

        Raises InvalidEvent that names the field, the expected value and the actual one.
        """
        if not isinstance(body, dict):
            raise InvalidEvent(f"event: expected an object, got {got(body)}")
        kind = kind_of(body.get("kind"), kinds)
        values: dict[str, Any] = {}
        for field in kind.fields:
            value = body.get(field.name)
            if value is not None and value != "":
                values[field.name] = normalize(field.type, field.name, value)
            elif field.required:
                raise InvalidEvent(
                    f"{field.name}: expected {field.type.expected}, got "
                    + (got(value) if field.name in body else "nothing"),
                    field.name,
                )
        extra = {}
        if not body.keys() <= kind.names:
            extra = {name: value for name, value in body.items() if name not in kind.names}
        return cls(kind.word, MappingProxyType(values), MappingProxyType(extra))

    def get(self, name: str) -> Any:
        """Return a value by its wire name, or None."""
        return self.values.get(name)

    @property
    def id(self) -> str | None:
        return self.values.get("id")

    @property
    def time(self) -> datetime | None:
        """When it happened, aware UTC. None means when the receiver gets the event."""
        text = self.values.get("time")
        return None if text is None else parse(text, "time")

    def replace(self, **changes: Any) -> Event:
        """Return the event with changed values. None removes a value."""
        plain = {name: text_of(v) if isinstance(v, datetime) else v for name, v in changes.items()}
        values = {name: v for name, v in {**self.values, **plain}.items() if v is not None}
        return Event.from_wire({"kind": self.kind, **values, **self.extra})


# core/gitdailies_core/ci/facts.py
# Plain values about a job: the inputs, the platform's facts, and the resulting deploys.


# Texts that mean no value: CircleCI writes `<nil>`, Helm and GitLab `<no value>`, JSON null,
# JavaScript undefined, Python None.
_FACTS_NOTHING = frozenset({"", "<nil>", "nil", "<no value>", "null", "undefined", "none"})


# A reference that was not replaced. Azure leaves an unknown one as a dollar and parentheses. Octopus
# has a number sign before the braces. No comment here shows that, because Octopus replaces it in scripts.
_FACTS_REFERENCE = re.compile(r"^(\$\(.*\)|\$?\$\{.*\}|#\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|<<.*>>)$")


_HEADS, _TAGS = "refs/heads/", "refs/tags/"


_FACTS_SHA = re.compile(r"^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")


SUCCEEDED = frozenset({"success", "succeeded", "successful", "succeededwithissues", "passed", "ok", "0"})


FACTS_FAILED = frozenset(
    {
        *("failure", "failed", "fail", "error", "errored", "broken", "unstable", "1"),
        *("cancelled", "canceled", "aborted", "abandoned", "skipped", "not_built", "timed_out"),
    }
)


def given(text: str | None) -> str | None:
    """Return *text* without spaces and line ends around it, or None if it means no value."""
    text = (text or "").strip()
    return None if text.lower() in _FACTS_NOTHING else text


def full_sha(text: str | None) -> str | None:
    """Return *text* in lower case if it is a full commit SHA that is not all zeros."""
    text = given(text)
    return text.lower() if text and _FACTS_SHA.match(text) and text.strip("0") else None


def branch_of(ref: str | None) -> str | None:
    """Return the branch that *ref* names, or None for a tag, another kind of ref or a commit."""
    ref = None if full_sha(ref) else given(ref)
    if ref and ref.startswith(_HEADS):
        return ref[len(_HEADS) :] or None
    return None if ref and ref.startswith("refs/") else ref


def tag_of(ref: str | None) -> str | None:
    """Return the tag of `refs/tags/NAME`, None for any other ref."""
    ref = given(ref)
    return ref[len(_TAGS) :] if ref and ref.startswith(_TAGS) else None


def commit(sha: Any, time: Any) -> dict[str, str] | None:
    """Return an entry of `commits`, without a time that cannot be read. Returns None for no commit."""
    name = full_sha(sha) if isinstance(sha, str) else None
    moment = readable_time(time)
    return {"sha": name, **({"time": moment} if moment else {})} if name else None


def readable_time(time: Any) -> str | None:
    """Return a time in our form, or None if it cannot be read."""
    try:
        return text_of(parse(time, "time"))
    except ValueError:
        return None


@dataclass(frozen=True)
class Repository:
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


@dataclass(frozen=True)
class Inputs:
    """The inputs that a user set. Build them with `make`, which refuses wrong values."""

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
        """Read raw texts. *repos* holds `PATH` or `PATH@SHA`, several separated by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. Raises UsageError that names the input.
        """
        read: dict[str, Any] = {}
        for name, text in texts.items():
            if name not in cls.__annotations__ or name == "repos":
                raise TypeError(f"Inputs.make() has no input {name!r}")
            read[name] = _facts_filled_in(name, text)
        paths = [part for text in repos for part in re.split(r"[\s,]+", text) if given(part)]
        _check(read)
        return cls(repos=tuple(_repository(path) for path in paths), **read)


def _facts_filled_in(name: str, text: str | None) -> str | None:
    text = given(text)
    if text and _FACTS_REFERENCE.match(text):
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
    if status and status.lower() not in SUCCEEDED | FACTS_FAILED:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(status)}")
    if read.get("type") not in (None, *DEPLOY_TYPES):
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(read['type'])}")


def _repository(text: str) -> Repository:
    path, at, sha = _facts_filled_in("repo", text).partition("@")
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
    """What the checkout knows about its HEAD. `commits` are newest first, without merges.

    `commits` is empty for a shallow clone, which lacks earlier commits. `cut` is true if there are
    more commits than were read.
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    cut: bool = False


@dataclass(frozen=True)
class Target:
    """A repository at a commit, from a platform. Each value may be unknown.

    `no_branch` says why there is no branch, most often a tag. Then git's branch is not used. The
    log shows `notes`, and so does the error about a missing commit.
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
        """Return the target with other values."""
        return Target(**{**{name: getattr(self, name) for name in Target.__annotations__}, **changes})


@dataclass(frozen=True)
class Facts:
    """What a platform knows about the running job.

    run      the id of the run, the same when one of its jobs runs again
    status   the platform's word for the result, and `status_of` for what it is the result of
    skip     why the run deployed nothing
    remedy   what to do, besides setting an input, if the repository or the commit is unknown
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
    """The environment. A value that means no value is None."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def first(self, *names: str) -> str | None:
        """Return the first of these variables that has a value."""
        return next((text for text in map(given, map(self._environ.get, names)) if text), None)


@dataclass(frozen=True)
class Deploys:
    """The deploys that a job made, at least one, and notes for the log.

    `lacking` is true if an event has neither `commits` nor `commitTime`, which git may know.
    """

    platform: str
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    lacking: bool = False


@dataclass(frozen=True)
class Skipped:
    """There is nothing to report, for this reason."""

    reason: str


# core/gitdailies_core/events/dialect.py
# The dialect: the names that a receiver uses on the wire, and how configuration changes them.


KEY_HEADER = "webhook-key"


ID_HEADER = "Idempotency-Key"


OURS = "ours"


DOCUMENTED = "documented"


RECEIVERS = (DOCUMENTED, OURS)


# Keys of our own incoming webhooks begin with this. A CI job can so tell the receiver from the key.
OUR_KEY_PREFIX = "gdk_"


@dataclass(frozen=True)
class Dialect:
    """How an event is written for one receiver. Build it with `make`."""

    receiver: str
    kinds: Mapping[str, str]
    names: Mapping[str, str]
    path: str | None

    @classmethod
    def make(
        cls,
        *,
        receiver: str = OURS,
        kinds: Mapping[str, str] | None = None,
        rename: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        add: Iterable[str] = (),
        path: str | None = None,
        table: tuple[Kind, ...] = KINDS,
    ) -> Dialect:
        """Build a dialect for the receiver `ours` (all fields) or `documented` (documented fields).

        *kinds* and *rename* map our kinds and fields to the receiver's names. *drop* leaves
        fields out, *add* sends further ones to a documented receiver. *path* replaces the path of
        the address. Raises ConfigurationError for a kind or field that does not exist.
        """
        if receiver not in RECEIVERS:
            raise ConfigurationError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        known = {field.name: field for kind in table for field in kind.fields}
        words = {kind.word: kind.word for kind in table}
        for given, allowed, where in (
            (kinds or {}, words, "dialect.kinds"),
            (rename or {}, {"kind": None, **known}, "dialect.rename"),
            (drop, known, "dialect.drop"),
            (add, known, "dialect.add"),
        ):
            for name in given:
                if name not in allowed:
                    raise ConfigurationError(
                        f"{where}: expected one of {', '.join(sorted(allowed))}, got {got(name)}"
                    )
        sent = {
            name
            for name, field in known.items()
            if (receiver == OURS or field.documented or name in set(add)) and name not in set(drop)
        }
        names = {name: name for name in ("kind", *sent)}
        names.update({ours: theirs for ours, theirs in (rename or {}).items() if ours in names})
        if len(set(names.values())) != len(names):
            raise ConfigurationError(
                "dialect.rename: expected a different name for each field, got one twice"
            )
        return cls(receiver, {**words, **(kinds or {})}, names, path)

    def write(self, event: Event) -> dict[str, Any]:
        """Return *event* as the JSON object for this receiver."""
        body: dict[str, Any] = {}
        for name, value in {**event.values, "kind": self.kinds.get(event.kind, event.kind)}.items():
            if name in self.names:
                body[self.names[name]] = value
        if self.receiver == OURS:
            body.update({name: value for name, value in event.extra.items() if name not in body})
        return body

    def dump(self, event: Event) -> bytes:
        """Return *event* as a request body: compact JSON in UTF-8."""
        return json.dumps(self.write(event), ensure_ascii=False, separators=(",", ":")).encode()


# core/gitdailies_core/ci/report.py
# The report of a CI step on any platform: its outcome, lines for the log, and an exit code.


REPORTED, SKIPPED, DRY_RUN, REPORT_FAILED = "reported", "skipped", "dry-run", "failed"


DONE, REPORT_NOT_DELIVERED, USAGE, REPORT_REFUSED, PARTLY = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Attempted:
    """An event and the result of sending it. `code` is the exit code for this event alone."""

    event: Event
    code: int
    status: int | None
    message: str
    unchanged: bool = False


@dataclass(frozen=True)
class Report:
    """How a step ended.

    lines      messages for the log, each on one line, the most important last
    reason     why nothing was reported, or ""
    code       the exit code if the step is set to fail on an error
    payload    the events in the receiver's form: JSON, a list if there are several
    """

    outcome: str
    lines: tuple[str, ...]
    reason: str = ""
    code: int = DONE
    http_status: int | None = None
    payload: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong: the deploy was reported or rightly skipped, or this was a dry run."""
        return self.code == DONE


def skipped(found: Skipped) -> Report:
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)


def dry_run(events: Sequence[Event], dialect: Dialect, notes: Sequence[str]) -> Report:
    """Return the report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event)}" for event in events)
    return Report(DRY_RUN, lines, payload=_payload(events, dialect), notes=tuple(notes))


def attempted(results: Sequence[Attempted], dialect: Dialect, notes: Sequence[str]) -> Report:
    """Return the report of events that were sent. Some of them may have failed."""
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    return Report(
        outcome=REPORT_FAILED if failed else REPORTED,
        lines=tuple(_report_line(result) for result in [*(r for r in results if r not in failed), *failed]),
        reason="; ".join(_report_line(result) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], dialect),
        notes=tuple(notes),
    )


def refused(error: Exception, names: Mapping[str, str]) -> Report:
    """Return the report of an error before anything was sent. A foreign error is a fault of the step itself.

    *names* maps our names of inputs to the platform's, if it has other names.
    """
    ours = isinstance(error, GitDailiesError)
    reason = (
        relabel(str(error), names) if ours else f"the step itself failed ({type(error).__name__}: {error})"
    )
    reason = " ".join(reason.split())
    code = error.exit_code if isinstance(error, GitDailiesError) else REPORT_NOT_DELIVERED
    return Report(REPORT_FAILED, (f"deploy not reported: {reason}",), reason, code)


def _report_line(result: Attempted) -> str:
    if result.code != DONE:
        return f"not reported: {_deploy(result.event)}: {result.message}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {_deploy(result.event)}{again}"


def _deploy(event: Event) -> str:
    parts = [
        event.get("type") or "deploy",
        "of",
        event.get("repo"),
        *([f"({event.get('service')})"] if event.get("service") else []),
        "at",
        event.get("commitSHA")[:7],
        *(["to", event.get("environment")] if event.get("environment") else []),
    ]
    return " ".join(parts)


def _payload(events: Sequence[Event], dialect: Dialect) -> str:
    bodies = [dialect.write(event) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))


# core/gitdailies_core/values/secret.py
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


# core/gitdailies_core/ci/settings.py
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
)


STEP_INPUTS = (
    "webhook-url",
    "webhook-key",
    "receiver",
    "timeout",
    "retries",
    "dry-run",
    "fail-on-error",
)


INPUTS = (*DEPLOY_INPUTS, *STEP_INPUTS)


_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Settings:
    """A step's settings. Build them with `make`."""

    inputs: Inputs
    url: str | None
    key: Secret
    receiver: str
    timeout_seconds: float
    retries: int
    dry_run: bool

    @classmethod
    def make(cls, texts: Mapping[str, str | None]) -> Settings:
        """Read texts by the names of `DEPLOY_INPUTS` and `STEP_INPUTS`. A missing name means not given.

        Raises UsageError that names the input.
        """
        key = Secret((texts.get("webhook-key") or "").strip(), "webhook-key")
        dry_run = flag(texts, "dry-run")
        # The end of the process reads this input. A wrong value is reported here like any other.
        flag(texts, "fail-on-error")
        receiver = given(texts.get("receiver")) or _receiver_of(key, dry_run)
        if receiver not in RECEIVERS:
            raise UsageError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        return cls(
            inputs=Inputs.make(
                repos=[texts.get("repo") or ""],
                **{name: texts.get(name) for name in DEPLOY_INPUTS if name != "repo"},
            ),
            url=given(texts.get("webhook-url")),
            key=key,
            receiver=receiver,
            timeout_seconds=_number(texts, "timeout", default=10.0, least=0.1, most=300),
            retries=int(_number(texts, "retries", default=3, least=0, most=10)),
            dry_run=dry_run,
        )


def flag(texts: Mapping[str, str | None], name: str) -> bool:
    """Read true or false. The default is false. Raises UsageError."""
    word = (given(texts.get(name)) or "false").lower()
    if word not in _TRUE + _FALSE:
        raise UsageError(f"{name}: expected true or false, got {got(word)}")
    return word in _TRUE


def _receiver_of(key: Secret, dry_run: bool) -> str:
    if key:
        return OURS if key.reveal().startswith(OUR_KEY_PREFIX) else DOCUMENTED
    return OURS if dry_run else DOCUMENTED


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


# core/gitdailies_core/ci/console.py
# How a step meets its job. By default inputs are environment variables and the log is plain text.


PREFIX = "GITDAILIES_"


_TITLE = "GitDailies"


def variables(prefix: str = PREFIX) -> dict[str, str]:
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}


def texts(environ: Mapping[str, str], prefix: str = PREFIX) -> dict[str, str]:
    """Return the raw text of each input, by name."""
    return {name: environ.get(variable, "") for name, variable in variables(prefix).items()}


def strict(inputs: Mapping[str, str]) -> bool:
    """Whether an error fails the job. A wrong value means no; the report has an error about it."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False


def messages(report: Report) -> list[str]:
    """Return the log's messages about a report. A dry run also shows the payload."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.lines, *payload]


def lines(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Many logs have no colors, so a word marks what went wrong.

    *fails* says whether an error fails the job.
    """
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    return [f"{_TITLE}: {level if line in report.lines else ''}{line}" for line in messages(report)]


def _no_masks(key: str) -> list[str]:
    return []


def _no_files(report: Report) -> dict[str, str]:
    return {}


def _not_written(name: str) -> str:
    return f"{_TITLE}: WARNING: {name}: expected a file to write to, got none"


def _green(environ: Mapping[str, str]) -> int:
    return 0


# The inputs keep the names that `settings` gives them.
SAME_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Step:
    """How the step meets a platform's jobs. The defaults are those of a plain console.

    agent        names the step to the receiver
    no_key       ends the error about a missing key: where this platform keeps it
    folder       the variable that names the checkout; else git reads the current directory
    event        the variable that names the file with the event's payload
    inputs       reads the inputs by name from the environment; raises UsageError
    names        what the platform calls the inputs; else the variable of each, GITDAILIES_NAME
    masks        makes the first lines of the log, which keep the key out of it
    log          makes the lines of the log from a report; its second argument is `fails`
    files        makes the texts to append to files, by the variable that names the file
    not_written  makes the line about such a file if it is missing
    warned       finds the exit code of a warning in the environment
    lends        the name of a function that the platform's agent adds to a script, or ""
    ask          reads the job's variables if they are not in the environment. Its arguments are
                 the functions that the agent adds, and one that reads standard input
    """

    agent: str
    no_key: str
    folder: str = ""
    event: str = ""
    inputs: Callable[[Mapping[str, str]], dict[str, str]] = texts
    names: Mapping[str, str] | None = None
    masks: Callable[[str], list[str]] = _no_masks
    log: Callable[[Report, bool], list[str]] = lines
    files: Callable[[Report], dict[str, str]] = _no_files
    not_written: Callable[[str], str] = _not_written
    warned: Callable[[Mapping[str, str]], int] = _green
    lends: str = ""
    ask: Callable[[Mapping[str, Any], Callable[[], bytes]], dict[str, str]] | None = None


# core/gitdailies_core/ci/git_url.py
# Read addresses of repositories: find the slug in an address, and remove its user name.


# https://user:token@host:8443/group/sub/name.git/, and the same with ssh://, git:// or git+ssh://.
_GIT_URL_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/:@]+)(?::[0-9]+)?/(.*)$", re.IGNORECASE)


# git@host:group/name.git, as ssh has it. C:\work and C:/work are Windows paths.
_SCP = re.compile(r"^(?:[^/@:]+@)?([^/:@]{2,}):(?!//)(.*)$")


_USER = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)


# Some parts of a path do not belong to the name: `_git` and, with ssh, `v3` of Azure, and `scm` of
# Bitbucket Data Center.
_AZURE_HOSTS = ("dev.azure.com", "ssh.dev.azure.com", ".visualstudio.com")


def slug(address: str) -> str | None:
    """Return `owner/name` of a repository's address, with more parts if it has subgroups.

    Returns None for a path on this machine and for an address with fewer than two parts.
    """
    found = _GIT_URL_ADDRESS.match(address.strip()) or _SCP.match(address.strip())
    if not found or address.strip().lower().startswith("file:"):
        return None
    host, path = found.group(1).lower(), re.split(r"[?#]", found.group(2))[0].strip("/")
    parts = [part for part in path.split("/") if part]
    if parts and parts[-1].lower().endswith(".git"):
        parts[-1] = parts[-1][: -len(".git")]
    if host.endswith(_AZURE_HOSTS):
        parts = _azure(host, parts)
    elif len(parts) > 2 and parts[0] == "scm":
        parts = parts[1:]
    return "/".join(parts) if len(parts) > 1 and all(parts) else None


def without_user(address: str) -> str:
    """Return *address* without user name and password. These never leave the machine."""
    return _USER.sub(r"\1", address.strip())


def _azure(host: str, parts: list[str]) -> list[str]:
    # All forms become organization/project/name.
    parts = [part for part in parts if part not in ("_git", "v3", "DefaultCollection")]
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.partition(".")[0], *parts]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*parts, parts[-1]] if len(parts) == 2 else parts


# core/gitdailies_core/ci/table.py
# The parts of a platform: the table of its variables, and its marker.


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


# core/gitdailies_core/events/ids.py
# Event ids. The same deploy or incident gets the same id at every attempt and on every path.


def deploy_id(
    *,
    platform: str,
    run: str,
    sha: str,
    repo: str,
    environment: str | None,
    service: str | None,
    type: str | None,
) -> str:
    """Return the id of a deploy. Its parts stay the same when the CI job runs again."""
    return _name("deploy", platform, run, sha.lower(), repo, environment, service, type or "deploy")


def _name(prefix: str, *parts: str | None) -> str:
    # As a JSON list, ("a", "bc") differs from ("ab", "c") and None differs from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"


# core/gitdailies_core/ci/deploy.py
# Find out which deploys a job made. A fact comes from an input, the event payload, a variable or git.


# Receivers allow more. A longer list would only repeat the commits of earlier deploys.
DEPLOY_MOST_COMMITS = 250


_DEPLOY_NOTHING = Facts()


_DEPLOY_ADDRESS = re.compile(r"^https?://[^\s\x00-\x1f\x7f]{1,1900}$")


def resolve(
    platform: Platform | None,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
) -> Deploys | Skipped:
    """Find out which deploys the job made, or why it made none.

    *event* is the parsed payload that GitHub Actions keeps at GITHUB_EVENT_PATH. *call* names
    this call if the platform has no run id, so its retries count once. Raises UsageError that
    names the input to set, and InvalidEvent if an event cannot hold a value.
    """
    facts = platform.read(Variables(environ), event) if platform else _DEPLOY_NOTHING
    unwanted = _unwanted(facts, inputs.status)
    if unwanted:
        return Skipped(unwanted)
    job = _Job(platform, facts, inputs, git, call)
    targets = [job.with_git(target) for target in job.chosen()]
    events = {(target.repo, target.sha): job.event(target) for target in targets}
    return Deploys(
        platform=platform.word if platform else "",
        events=tuple(events.values()),
        notes=tuple(dict.fromkeys(note for target in targets for note in job.notes(target))),
        lacking=any(not event.get("commits") and not event.get("commitTime") for event in events.values()),
    )


def _unwanted(facts: Facts, status: str | None) -> str | None:
    """Return why there is nothing to report. A *status* that was set by hand overrides the platform's."""
    if status:
        word = status.lower()
        return f"status is {word}" if word in FACTS_FAILED else None
    word = (facts.status or "success").lower()
    if word not in SUCCEEDED:
        return f"{facts.status_of} did not succeed ({'exit status ' if word.isdigit() else ''}{word})"
    return facts.skip


@dataclass(frozen=True)
class _Job:
    """The facts about the job, and the steps from them to its events."""

    platform: Platform | None
    facts: Facts
    inputs: Inputs
    git: GitFacts | None
    call: str

    @property
    def title(self) -> str:
        return self.platform.title if self.platform else "the environment"

    def chosen(self) -> list[Target]:
        """Return the repositories that the inputs name, each at its commit, or all of the job's own."""
        here = slug(self.git.remote or "") if self.git else None
        own = [t if t.repo else t.but(repo=here) for t in self.facts.targets]
        if self.inputs.repos:
            return [self._named(repository, own) for repository in self.inputs.repos]
        if self.inputs.sha and len(own) > 1:
            paths = ", ".join(target.repo or "?" for target in own)
            raise UsageError(
                f"sha: expected none for {len(own)} repositories ({paths}), got one; name each as PATH@SHA"
            )
        return [_at(target, self.inputs.sha) for target in own]

    def _named(self, repository: Repository, own: list[Target]) -> Target:
        path, sha = repository.path, repository.sha or self.inputs.sha
        target = next((t for t in own if (t.repo or "").lower() == path.lower()), None)
        if target is None and len(self.inputs.repos) == 1 and len(own) == 1 and not repository.sha:
            # The same commits under another name, such as that of a mirror.
            target = own[0]
        if target is None and sha is None:
            known = ", ".join(t.repo for t in own if t.repo) or "no repository"
            raise UsageError(
                f"repo: expected {path}@SHA, got no commit: {self.title} has the commit of {known} only"
            )
        return _at(target or Target(), sha).but(repo=path)

    def with_git(self, target: Target) -> Target:
        """Fill in missing facts from the checkout if it is at the same commit."""
        git, sha = self.git, target.sha or (self.git.sha if self.git else None)
        if git is None or sha != git.sha:
            return target
        return target.but(
            sha=sha,
            branch=target.branch or (None if target.no_branch else git.branch),
            commit_time=target.commit_time or git.commit_time,
            commits=target.commits or git.commits,
            cut=target.cut or (git.cut and not target.commits),
        )

    def event(self, target: Target) -> Event:
        """Return the event of *target*."""
        facts, inputs = self.facts, self.inputs
        repo = self._known("repo", target, target.repo, "the repository, as owner/name")
        sha = self._known("sha", target, target.sha, "the deployed commit")
        environment = inputs.environment or facts.environment
        commits = list(target.commits[:DEPLOY_MOST_COMMITS])
        return Event.make(
            DEPLOYED,
            repo=repo,
            commitSHA=sha,
            environment=environment,
            branch=inputs.branch or target.branch,
            time=inputs.time or facts.time,
            id=self._id(repo, sha, environment),
            service=inputs.service,
            type=inputs.type,
            url=inputs.url or _shown(facts.url),
            commits=commits or None,
            commitTime=None if commits else target.commit_time,
            fixes=inputs.fixes,
        )

    def notes(self, target: Target) -> list[str]:
        """Return what is not obvious about the event of *target*: where it comes from, what it lacks."""
        notes = list(target.notes)
        if target.no_branch and not (target.branch or self.inputs.branch):
            notes.append(f"no branch: {target.no_branch}")
        if target.cut or len(target.commits) > DEPLOY_MOST_COMMITS:
            notes.append(f"commits: the newest {DEPLOY_MOST_COMMITS}, there are more")
        return notes

    def _known(self, name: str, target: Target, value: str | None, what: str) -> str:
        if value:
            return value
        raise UsageError(
            f"{name}: expected {what}, got nothing from {self.title} or git; set it"
            + (f", {self.facts.remedy}" if self.facts.remedy else "")
            + (f" ({'; '.join(target.notes)})" if target.notes else "")
        )

    def _id(self, repo: str, sha: str, environment: str | None) -> str | None:
        platform, run = self.platform.word if self.platform else "", self.facts.run
        if self.inputs.id and len(self.inputs.repos) < 2 and len(self.facts.targets) < 2:
            return self.inputs.id
        if self.inputs.id:
            # One id for several events: each event gets its own id, derived from it.
            platform, run = "id", self.inputs.id
        elif not run:
            platform, run = "call", self.call
        if not run:
            return None
        return deploy_id(
            platform=platform,
            run=run,
            sha=sha,
            repo=repo,
            environment=environment,
            service=self.inputs.service,
            type=self.inputs.type,
        )


def _at(target: Target, sha: str | None) -> Target:
    # The branch and the commits belong to the platform's commit. For another one they are unknown.
    if sha in (None, target.sha):
        return target
    return Target(repo=target.repo, sha=sha, no_branch="the commit was set by hand" if target.sha else None)


def _shown(url: str | None) -> str | None:
    # A wrong address of the platform is left out. It is no reason to fail.
    address = without_user(url or "")
    return address if _DEPLOY_ADDRESS.match(address) else None


# core/gitdailies_core/ci/checkout.py
# Read facts about the deploy from the checkout's git: the last source, used only if needed.


# Twice as many as are sent, because merges are left out.
_READ = 2 * DEPLOY_MOST_COMMITS


_LONGEST_SECONDS = 10


def deploys_in(
    directory: str,
    platform: Platform | None,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    call: str = "",
) -> Deploys | Skipped:
    """Resolve the job's deploys. If the platform's facts are not enough, read git in *directory*.

    Git takes a third of a step's time, so it runs only if needed. Raises what `resolve` raises.
    """
    try:
        found = resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
        if isinstance(found, Skipped) or not found.lacking:
            return found
    except UsageError:
        # The second call raises it again, unless git has what is missing.
        found = None
    git = read(directory)
    if found is not None and git is None:
        return found
    return resolve(platform, environ=environ, event=event, inputs=inputs, git=git, call=call)


def read(directory: str) -> GitFacts | None:
    """Read HEAD, its branch, its remote and earlier commits. Returns None if there is no checkout.

    In a shallow clone earlier commits are unknown, because they were not fetched.
    """
    if not os.path.exists(os.path.join(directory, ".git")):
        return None
    log = _git(directory, "log", f"--max-count={_READ}", "--format=%H %cI %P")
    if not log:
        return None
    lines = [line.split() for line in log.splitlines()]
    sha, commit_time = lines[0][:2]
    entries = [commit(name, time) for name, time, *parents in lines if len(parents) < 2]
    commits = [entry for entry in entries if entry]
    shallow, _, ref = (
        _git(directory, "rev-parse", "--is-shallow-repository", "--symbolic-full-name", "HEAD") or ""
    ).partition("\n")
    heads = "refs/heads/"
    return GitFacts(
        sha=sha,
        branch=ref[len(heads) :] if ref.startswith(heads) else None,
        remote=_git(directory, "config", "--get", "remote.origin.url"),
        commit_time=readable_time(commit_time),
        commits=() if shallow == "true" else tuple(commits[:DEPLOY_MOST_COMMITS]),
        cut=len(commits) > DEPLOY_MOST_COMMITS or len(lines) == _READ,
    )


def _git(directory: str, *arguments: str) -> str | None:
    import subprocess

    # In a container the checkout often belongs to another user. This changes no configuration file.
    command = ["git", "-c", "safe.directory=*", "-c", "log.showSignature=false", "--no-pager", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None


# core/gitdailies_core/retry.py
# Decide what to do after a delivery attempt: done, retry, pause or give up. Pure.


AGAIN_STATUSES = frozenset({408, 425, 429})


KEY_STATUSES = frozenset({401, 403})


ADDRESS_STATUSES = frozenset({404, 405, 410})


FIRST_DELAY_SECONDS = 1.0


LONGEST_DELAY_SECONDS = 300.0


# A Retry-After of years must not stop deliveries, so we wait at most an hour for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0


GIVE_UP_AGE_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Outcome:
    """The result of one attempt: an HTTP status, or None with the `error` when no answer came."""

    status: int | None
    error: str = ""
    retry_after: str = ""


@dataclass(frozen=True)
class Done:
    """The receiver has the event."""


@dataclass(frozen=True)
class Again:
    """Retry at `at`, aware UTC."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Pause:
    """Send nothing until the key or the address changes. `what` is `key` or `address`."""

    what: str
    reason: str


@dataclass(frozen=True)
class GiveUp:
    """The receiver will never accept this event. It becomes a dead letter with this reason."""

    reason: str


if TYPE_CHECKING:
    Verdict = Union[Done, Again, Pause, GiveUp]


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    first_attempt_at: datetime,
    now: datetime,
    jitter: Callable[[], float],
    give_up_age_seconds: float = GIVE_UP_AGE_SECONDS,
) -> Verdict:
    """Decide after attempt number *attempt*, counted from 1. *jitter* returns a number in [0, 1).

    The age counts from the first attempt, not from when the event was stored. Waiting for
    earlier events is not a failure.
    """
    status = outcome.status
    result = f"answered {status}" if status is not None else outcome.error or "no answer"
    if outcome.error and status is not None:
        result = f"{result}: {outcome.error}"
    if status is not None:
        if 200 <= status < 300:
            return Done()
        if status in KEY_STATUSES:
            return Pause("key", f"the key is refused ({result})")
        if status in ADDRESS_STATUSES or 300 <= status < 400:
            return Pause("address", f"the address is wrong ({result})")
        if is_answer(outcome):
            return GiveUp(result)
    if (now - first_attempt_at).total_seconds() >= give_up_age_seconds:
        return GiveUp(f"given up after {attempt} attempts in {give_up_age_seconds / 86400:g} days: {result}")
    return Again(
        now + timedelta(seconds=delay_seconds(outcome, attempt=attempt, now=now, jitter=jitter)), result
    )


def is_answer(outcome: Outcome) -> bool:
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return outcome.status is not None and outcome.status < 500 and outcome.status not in AGAIN_STATUSES


def delay_seconds(outcome: Outcome, *, attempt: int, now: datetime, jitter: Callable[[], float]) -> float:
    """Full jitter under an exponential bound, but at least Retry-After, which counts up to an hour."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(outcome.retry_after, now))


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


# core/gitdailies_core/ci/sender.py
# Send events by POST, with the standard library alone, because a CI step installs nothing.


DELIVERED = "delivered"


SENDER_REFUSED = "refused"


SENDER_NOT_DELIVERED = "not delivered"


TIMEOUT_SECONDS = 10.0


RETRIES = 3


# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0


_LONGEST_ANSWER_BYTES = 64 * 1024


_LONGEST_MESSAGE = 300


_KEY = re.compile(r"^[\x21-\x7e]{1,1000}$")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Receiver:
    """Where events go, and how many attempts are made. Build it with `make`."""

    url: str
    key: Secret
    dialect: Dialect
    agent: str
    timeout_seconds: float
    retries: int
    longest_seconds: float

    @classmethod
    def make(
        cls,
        *,
        url: str,
        key: Secret,
        dialect: Dialect,
        agent: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> Receiver:
        """Check the address and the key. Spaces and line ends around them are removed.

        Raises UsageError. It shows neither the key nor a user name in the address.
        """
        parts = _address(url.strip())
        if dialect.path is not None:
            parts = parts._replace(path=dialect.path)
        plain = key.reveal().strip()
        if not _KEY.match(plain):
            raise UsageError(
                "webhook-key: expected printable characters without spaces, got "
                + ("nothing" if not plain else "something else")
            )
        return cls(
            url=urlunsplit(parts),
            key=Secret(plain, key.origin),
            dialect=dialect,
            agent=agent,
            timeout_seconds=timeout_seconds,
            retries=retries,
            longest_seconds=longest_seconds,
        )


@dataclass(frozen=True)
class Receipt:
    """The result of sending an event. `message` is one line and never contains the key.

    `check` names the input that is probably wrong, or is empty.
    """

    outcome: str
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""


def send_all(events: Iterable[Event], receiver: Receiver) -> list[Receipt]:
    """Send *events* in order. `longest_seconds` applies to all of them together."""
    until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
    return [send(event, receiver, until=until) for event in events]


@dataclass(frozen=True)
class _Answer:
    status: int | None
    message: str
    retry_after: str = ""
    body: Any = None
    final: bool = False


def send(
    event: Event,
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    *until* is the time at which a caller that sends several events gives up.
    """
    first_attempt_at = now()
    until = until or first_attempt_at + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        verdict = decide(
            Outcome(answer.status, answer.message, answer.retry_after),
            attempt=attempt,
            first_attempt_at=first_attempt_at,
            now=now(),
            jitter=_jitter,
        )
        if isinstance(verdict, Done):
            body = answer.body if isinstance(answer.body, dict) else {}
            return Receipt(
                DELIVERED, answer.status, attempt, answer.message, unchanged=body.get("status") == "unchanged"
            )
        if isinstance(verdict, Pause) and verdict.what == "address":
            return Receipt(SENDER_NOT_DELIVERED, answer.status, attempt, verdict.reason, check="webhook-url")
        if not isinstance(verdict, Again):
            wrong = "webhook-key" if isinstance(verdict, Pause) else ""
            return Receipt(SENDER_REFUSED, answer.status, attempt, verdict.reason, check=wrong)
        if attempt > receiver.retries or answer.final or verdict.at >= until:
            attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
            later = ""
            if answer.retry_after and verdict.at >= until:
                later = (
                    f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
                )
            return Receipt(SENDER_NOT_DELIVERED, answer.status, attempt, f"{verdict.reason} ({attempts}){later}")
        wait(max((verdict.at - now()).total_seconds(), 0.0))


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        # Reading the port raises ValueError if it is not a number.
        usable = plain and parts.port != 0 and re.match(r"^[\x21-\x7e]+$", url)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
        )
    return parts


def _bounded_post(event: Event, receiver: Receiver, seconds: float) -> _Answer:
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    answers: list[_Answer] = []
    thread = threading.Thread(target=lambda: answers.append(_post(event, receiver)), daemon=True)
    thread.start()
    thread.join(seconds)
    where = urlsplit(receiver.url).netloc
    return answers[0] if answers else _Answer(None, f"{where}: no answer within {seconds:g} s")


def _post(event: Event, receiver: Receiver) -> _Answer:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": receiver.agent,
        KEY_HEADER: receiver.key.reveal(),
    }
    if event.id:
        headers[ID_HEADER] = event.id
    try:
        connection, target = _connection(receiver, headers)
        try:
            connection.request("POST", target, receiver.dialect.dump(event), headers)
            with connection.getresponse() as response:
                try:
                    body = response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    body = b""
                return _answered(response.status, body, response.getheader("Retry-After", ""), receiver)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return _unanswered(error, receiver)


def _connection(receiver: Receiver, headers: dict[str, str]) -> tuple[HTTPConnection, str]:
    """Return a connection and the request's target. The environment may name a proxy.

    Without a tunnel, the proxy's password is added to *headers*.
    """
    parts = urlsplit(receiver.url)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    secure = parts.scheme == "https"
    proxy = _proxy(parts)
    connect = HTTPSConnection if secure else HTTPConnection
    if proxy is None:
        return connect(parts.hostname or "", parts.port, timeout=receiver.timeout_seconds), target
    connection = connect(proxy.hostname or "", proxy.port or 80, timeout=receiver.timeout_seconds)
    authorization = {}
    if proxy.username:
        import base64

        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        authorization["Proxy-Authorization"] = f"Basic {base64.b64encode(user).decode()}"
    if secure:
        connection.set_tunnel(parts.hostname or "", parts.port or 443, authorization)
        return connection, target
    headers.update(authorization)
    return connection, receiver.url


def _proxy(parts: SplitResult) -> SplitResult | None:
    """Return the address of the proxy that the environment names for *parts*, or None.

    Raises ValueError, which names the variable, for a proxy that does not take plain HTTP.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request

    proxies = urllib.request.getproxies_environment()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass_environment(parts.netloc, proxies):
        return None
    proxy = urlsplit(address if "://" in address else f"http://{address}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError(f"{parts.scheme.upper()}_PROXY: expected an http:// address, got another")
    return proxy


def _unanswered(error: Exception, receiver: Receiver) -> _Answer:
    where = urlsplit(receiver.url).netloc
    if isinstance(error, TimeoutError):
        return _Answer(None, f"{where}: no answer within {receiver.timeout_seconds:g} s")
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name, so that this module need not import ssl.
        message = _sender_line(str(getattr(error, "verify_message", error)), receiver)
        remedy = "SSL_CERT_FILE names the file of a company's own authority"
        return _Answer(None, f"{where}: certificate not trusted: {message}; {remedy}", final=True)
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _Answer(None, f"{where}: {_sender_line(message, receiver).lower()}", final=isinstance(error, ValueError))


def _answered(status: int, raw: bytes, retry_after: str, receiver: Receiver) -> _Answer:
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return _Answer(status, _sender_line(str(detail or text), receiver), retry_after, body)


def _sender_line(text: str, receiver: Receiver) -> str:
    line = _CONTROL.sub(" ", redact(text, receiver.key)).strip()
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _jitter() -> float:
    import random

    return random.random()


# core/gitdailies_core/ci/step.py
# Run a step from its inputs to its report. The arguments are what differs between platforms.


_OUR_NAMES: Mapping[str, str] = {}


# The sender is imported only when events are sent. A skipped or dry run does not need it.


def run(
    platform: Platform | None,
    texts: Mapping[str, str | None],
    *,
    environ: Mapping[str, str],
    event: Any = None,
    directory: str = ".",
    agent: str,
    no_key: str = "",
    names: Mapping[str, str] = _OUR_NAMES,
) -> Report:
    """Report the job's deploys and return how it went. Raises nothing.

    *texts* are the inputs by the names of `settings`. *agent* names the step to the receiver.
    *no_key* says where this platform keeps the key, for the error about a missing one. *names*
    maps our names of inputs to the platform's, if it has other names.
    """
    try:
        settings = Settings.make(texts)
        found = deploys_in(
            directory,
            platform,
            environ=environ,
            event=event,
            inputs=settings.inputs,
            call=os.urandom(8).hex(),
        )
        if isinstance(found, Skipped):
            return skipped(found)
        dialect = Dialect.make(receiver=settings.receiver)
        if settings.dry_run:
            return dry_run(found.events, dialect, found.notes)
        return attempted(_send(found.events, settings, dialect, agent, no_key, names), dialect, found.notes)
    except Exception as error:
        return refused(error, names)


def leave(code: int) -> NoReturn:
    """End the process at once. A normal end of the interpreter takes a tenth of a step's time."""
    sys.stdout.flush()
    os._exit(code)


def _send(
    events: tuple[Event, ...],
    settings: Settings,
    dialect: Dialect,
    agent: str,
    no_key: str,
    names: Mapping[str, str],
) -> list[Attempted]:
    if not settings.key:
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not settings.url:
        raise UsageError("webhook-url: expected the address of incoming webhooks, got nothing")

    receiver = Receiver.make(
        url=settings.url,
        key=settings.key,
        dialect=dialect,
        agent=agent,
        timeout_seconds=settings.timeout_seconds,
        retries=settings.retries,
    )
    codes = {DELIVERED: DONE, SENDER_REFUSED: REPORT_REFUSED, SENDER_NOT_DELIVERED: REPORT_NOT_DELIVERED}
    return [
        Attempted(
            event,
            codes[receipt.outcome],
            receipt.status,
            receipt.message + (f"; check {names.get(receipt.check, receipt.check)}" if receipt.check else ""),
            receipt.unchanged,
        )
        for event, receipt in zip(events, send_all(events, receiver))
    ]


# core/gitdailies_core/ci/workflow_commands.py
# Write a report as GitHub's runner reads it: commands in the log, outputs, and a summary.


_HEADING = "GitDailies"


_MARKS = {REPORTED: "✅", SKIPPED: "⏭️", DRY_RUN: "📝", REPORT_FAILED: "⚠️"}


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def masks(key: str) -> list[str]:
    """Return the commands that keep the key out of the log. The runner masks each line by itself."""
    lines = [line.strip() for line in key.splitlines()]
    return [f"::add-mask::{_data(line)}" for line in lines if line]


def commands(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Notes, problems and a skip become annotations.

    A foreign text, such as a receiver's answer, is only written into the data of a command. The runner
    does not look for a command there.
    """
    notices = [f"::notice title={_HEADING}::{_data(note)}" for note in report.notes]
    if report.ok and report.outcome != SKIPPED:
        return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
    level = "notice" if report.ok else "error" if fails else "warning"
    return notices + [f"::{level} title={_HEADING}::{_data(line)}" for line in report.lines]


def files(report: Report) -> dict[str, str]:
    """Return the texts to append to the runner's files, by the variable that names the file."""
    return {"GITHUB_OUTPUT": outputs(report), "GITHUB_STEP_SUMMARY": summary(report)}


def not_written(name: str) -> str:
    return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"


def outputs(report: Report) -> str:
    """Return the lines for GITHUB_OUTPUT, one for each value."""
    values = {
        "ok": "true" if report.ok else "false",
        "outcome": report.outcome,
        "reason": report.reason,
        "http-status": "" if report.http_status is None else str(report.http_status),
        "payload": report.payload,
    }
    return "".join(f"{name}={_one_line(value)}\n" for name, value in values.items())


def summary(report: Report) -> str:
    """Return the Markdown for GITHUB_STEP_SUMMARY."""
    lines = [f"{_MARKS[report.outcome]} **{_HEADING}**: {_markdown(line)}" for line in report.lines]
    return "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in report.notes)]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(text: str) -> str:
    # The runner still reads commands in their old form, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _one_line(text))


# core/gitdailies_core/ci/platforms/github_actions.py
# GitHub Actions. Sources: its "Variables", "Contexts" and "Events that trigger workflows" references.


GITHUB_ACTIONS_TABLE = Table(
    # The same at every attempt. GITHUB_RUN_ATTEMPT counts the attempts.
    run=("GITHUB_RUN_ID",),
    sha=("GITHUB_SHA",),
    # GITHUB_REF_NAME may also be a tag, or 7/merge for a pull request.
    branch=("GITHUB_REF",),
    repo=("GITHUB_REPOSITORY",),
    # No variable has the job's status; the action passes job.status. No variable or context has the
    # job's environment (actions/runner issue 1369).
    status=("GITDAILIES_JOB_STATUS",),
)


@dataclass(frozen=True)
class Payload:
    """Where an event's payload has the facts about the deploy: paths. The first one found wins.

    A row with `status` is a deploy only after success. `run` names the run that deployed, so that
    running either workflow again gives the same id.
    """

    sha: str
    branch: str = ""
    status: str = ""
    environment: str = ""
    time: str = ""
    url: str = ""
    run: str = ""
    commit_time: str = ""


PAYLOADS: Mapping[str, Payload] = {
    # GITHUB_SHA is the tip of the default branch. No time: it would differ at each attempt.
    "workflow_run": Payload(
        sha="workflow_run.head_sha",
        branch="workflow_run.head_branch",
        status="workflow_run.conclusion",
        url="workflow_run.html_url",
        run="workflow_run.id",
        commit_time="workflow_run.head_commit.timestamp",
    ),
    "check_suite": Payload(
        sha="check_suite.head_sha",
        branch="check_suite.head_branch",
        status="check_suite.conclusion",
        commit_time="check_suite.head_commit.timestamp",
    ),
    "check_run": Payload(
        sha="check_run.head_sha",
        branch="check_run.check_suite.head_branch",
        status="check_run.conclusion",
    ),
    "status": Payload(sha="sha", status="state", commit_time="commit.commit.committer.date"),
    # GITHUB_REF is empty if the deployment was made from a bare commit.
    "deployment": Payload(
        sha="deployment.sha",
        environment="deployment.environment",
        run="deployment.id",
    ),
    "deployment_status": Payload(
        sha="deployment.sha",
        environment="deployment_status.environment deployment.environment",
        status="deployment_status.state",
        time="deployment_status.created_at",
        url="deployment_status.log_url deployment_status.target_url",
        run="deployment.id",
    ),
    # GITHUB_REF is gh-readonly-queue/main/pr-7-…
    "merge_group": Payload(
        sha="merge_group.head_sha",
        branch="merge_group.base_ref",
        commit_time="merge_group.head_commit.timestamp",
    ),
}


_PULL_REQUESTS = (
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
)


# In workflow_run and check_suite, `head_branch` may also be a tag. This is a guess by its form.
_VERSION = re.compile(r"^(?:.*[/@-])?v?[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?$", re.IGNORECASE)


# How git and GitHub begin the message of a merge. `checkout` leaves merges out, too.
_MERGES = ("Merge pull request #", "Merge branch '", "Merge remote-tracking branch '", "Merge tag '")


def _github_actions_read(variables: Variables, event: Any) -> Facts:
    name, payload = variables.first("GITHUB_EVENT_NAME") or "", event if isinstance(event, dict) else {}
    if name in PAYLOADS:
        return _from_payload(variables, name, payload)
    if name in _PULL_REQUESTS:
        return _pull_request(variables, payload)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        # GITHUB_SHA is the tip of the default branch, and the payload holds no commit.
        return _facts(
            variables,
            no_branch="a comment on a pull request started the run",
            notes=("a comment on a pull request does not tell the pull request's commit",),
        )
    sha = full_sha(variables.first(*GITHUB_ACTIONS_TABLE.sha))
    branch = _branch(variables.first(*GITHUB_ACTIONS_TABLE.branch))
    # The commits of a push. A new branch and a tag list none.
    commits, commit_time = _pushed(payload) if name == "push" and at(payload, "after") == sha else ((), None)
    return _facts(variables, sha=sha, branch=branch, commits=commits, commit_time=commit_time)


def _from_payload(variables: Variables, name: str, payload: Mapping[str, Any]) -> Facts:
    row = PAYLOADS[name]
    if not at(payload, row.sha):
        return _facts(variables, notes=_missing(name))
    branch, no_branch = _branch(at(payload, row.branch)), None
    origin = at(payload, f"{name}.head_repository.full_name")
    if name.startswith("deployment"):
        branch = _branch(variables.first(*GITHUB_ACTIONS_TABLE.branch))
    elif branch and (_VERSION.match(branch) or at(payload, f"{name}.event") == "release"):
        branch, no_branch = None, f"{name} does not tell whether {branch} is a branch or a tag"
    elif origin and origin != variables.first(*GITHUB_ACTIONS_TABLE.repo):
        branch, no_branch = None, f"{name} belongs to another repository"
    return _facts(
        variables,
        sha=full_sha(at(payload, row.sha)),
        branch=branch,
        commit_time=readable_time(at(payload, row.commit_time)),
        no_branch=no_branch,
        run=at(payload, row.run),
        environment=at(payload, row.environment),
        time=readable_time(at(payload, row.time)),
        url=at(payload, row.url),
        # Without a conclusion it has not succeeded yet.
        status=(at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
    )


def _pull_request(variables: Variables, payload: Mapping[str, Any]) -> Facts:
    number = at(payload, "pull_request.number")
    if not number:
        return _facts(variables, notes=_missing(variables.first("GITHUB_EVENT_NAME") or ""))
    if at(payload, "pull_request.merged_at"):
        return _facts(
            variables,
            sha=full_sha(at(payload, "pull_request.merge_commit_sha")),
            branch=_branch(at(payload, "pull_request.base.ref")),
            notes=(f"the commit that pull request {number} was merged as",),
        )
    head, base = (
        at(payload, "pull_request.head.repo.full_name"),
        at(payload, "pull_request.base.repo.full_name"),
    )
    fork = f"pull request {number} comes from another repository" if head != base else None
    closed = at(payload, "pull_request.state") == "closed"
    return _facts(
        variables,
        sha=full_sha(at(payload, "pull_request.head.sha")),
        branch=None if fork else _branch(at(payload, "pull_request.head.ref")),
        no_branch=fork,
        notes=(f"the head of pull request {number}, not the merge commit that the run is of",),
        skip=f"pull request {number} was closed without being merged" if closed else None,
    )


def _missing(name: str) -> tuple[str, ...]:
    return (f"the payload of {name}, which tells it, was not found at GITHUB_EVENT_PATH",)


def _pushed(payload: Mapping[str, Any]) -> tuple[tuple[dict[str, str], ...], str | None]:
    pushed = payload.get("commits")
    listed = [item for item in pushed if isinstance(item, dict)] if isinstance(pushed, list) else []
    entries = [
        commit(item.get("id"), item.get("timestamp"))
        # The payload has the oldest first. Only the message shows a merge.
        for item in reversed(listed)
        if not str(item.get("message")).startswith(_MERGES)
    ]
    return tuple(entry for entry in entries if entry), readable_time(at(payload, "head_commit.timestamp"))


def _facts(
    variables: Variables,
    *,
    sha: str | None = None,
    branch: str | None = None,
    no_branch: str | None = None,
    commit_time: str | None = None,
    commits: tuple[dict[str, str], ...] = (),
    notes: tuple[str, ...] = (),
    run: str | None = None,
    url: str | None = None,
    **odd: Any,
) -> Facts:
    repo, own_run = variables.first(*GITHUB_ACTIONS_TABLE.repo), variables.first(*GITHUB_ACTIONS_TABLE.run)
    server = variables.first("GITHUB_SERVER_URL")
    if server and repo and own_run:
        url = url or f"{server}/{repo}/actions/runs/{own_run}"
    if odd.get("status") is None:
        odd["status"] = variables.first(*GITHUB_ACTIONS_TABLE.status)
    tag = tag_of(variables.first(*GITHUB_ACTIONS_TABLE.branch))
    if tag and not branch:
        no_branch = no_branch or f"the run is of tag {tag}"
    return GITHUB_ACTIONS_TABLE.read(
        variables,
        targets=(Target(repo, sha, branch, no_branch, commit_time, commits, notes=notes),),
        run=run or own_run,
        url=url,
        **odd,
    )


def _branch(ref: str | None) -> str | None:
    branch = branch_of(ref)
    # A merge queue has its own branch, named after the one that it merges into.
    if branch and branch.startswith("gh-readonly-queue/"):
        return branch[len("gh-readonly-queue/") :].rpartition("/pr-")[0] or None
    return branch


def at(payload: Mapping[str, Any], paths: str) -> str | None:
    """Return the first text or number that one of *paths* leads to, or None."""
    for path in paths.split():
        value: Any = payload
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        text = given(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
        if text:
            return text
    return None


# The action passes each input as INPUT_NAME. The job's own env may also hold the address and the key.
_FALLBACKS = {"webhook-url": "GITDAILIES_WEBHOOK_URL", "webhook-key": "GITDAILIES_WEBHOOK_KEY"}


def github_actions_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the raw text of each input, by name."""
    read = texts(environ, "INPUT_")
    for name, variable in _FALLBACKS.items():
        if not read[name].strip():
            read[name] = environ.get(variable, "")
    return read


GITHUB_ACTIONS = Platform(
    word="github",
    title="GitHub Actions",
    marker="GITHUB_ACTIONS",
    read=_github_actions_read,
    step=Step(
        agent="gitdailies-github-action",
        no_key=(
            "; pass it as webhook-key: ${{ secrets.GITDAILIES_WEBHOOK_KEY }} "
            "(runs of forks and of Dependabot get no secrets, a reusable workflow only those passed to it)"
        ),
        folder="GITHUB_WORKSPACE",
        event="GITHUB_EVENT_PATH",
        inputs=github_actions_inputs,
        names=SAME_NAMES,
        masks=masks,
        log=commands,
        files=files,
        not_written=not_written,
    ),
    turn=10,
)


# core/gitdailies_core/ci/platforms/circleci.py
# CircleCI. Sources: its "Project values and variables" and "Pipeline values" references.


CIRCLECI_TABLE = Table(
    # A workflow that runs again gets a new id, but keeps the id of its workspace.
    run=("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_URL"),
    sha=("PIPELINE_GIT_REVISION", "CIRCLE_SHA1"),
    # Not set if the pipeline builds a tag.
    branch=("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH"),
    tag=("PIPELINE_GIT_TAG", "CIRCLE_TAG"),
    repo_url=("CIRCLE_REPOSITORY_URL",),
    url=("CIRCLE_BUILD_URL",),
    status=("GITDAILIES_JOB_STATUS",),
)


# Owner and name are two variables. Those of the checkout come first: in a GitHub App pipeline,
# configuration, trigger and code may come from three repositories.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)


# The orb's parameters. A template cannot read a name with a hyphen.
CIRCLECI_PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}


_CIRCLECI_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def _circleci_read(variables: Variables, event: Any) -> Facts:
    repo = None
    for pair in _OWNER_AND_NAME:
        owner, name = map(variables.first, pair)
        if owner and name:
            repo = f"{owner}/{name}"
            break
    # For a forked pull request the branch is `pull/7` or `pull/7/head`.
    branch = variables.first(*CIRCLECI_TABLE.branch)
    if branch and branch.startswith("pull/"):
        number = branch.split("/")[1]
        no_branch = f"the run is of pull request {number}"
        return CIRCLECI_TABLE.read(variables, repo=repo, branch=None, no_branch=no_branch)
    return CIRCLECI_TABLE.read(variables, repo=repo)


def _circleci_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name. GITDAILIES_WEBHOOK_URL may also hold the address."""
    read = texts(environ, "PARAM_")
    filled = {name: _circleci_filled_in(text, environ) for name, text in read.items()}
    if not filled["webhook-url"].strip():
        filled["webhook-url"] = environ.get("GITDAILIES_WEBHOOK_URL", "")
    # The parameter holds the name of the variable that holds the key.
    filled["webhook-key"] = environ.get(read["webhook-key"].strip(), "")
    return filled


def _circleci_filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by the variables. If one is not set, return its reference alone.

    Core refuses a bare reference. A value with a part missing would look valid.
    """
    for found in _CIRCLECI_REFERENCE.finditer(text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return _CIRCLECI_REFERENCE.sub(lambda found: environ[found[1] or found[2]], text)


CIRCLECI = Platform(
    word="circleci",
    title="CircleCI",
    marker="CIRCLECI",
    read=_circleci_read,
    step=Step(
        agent="gitdailies-circleci-orb",
        no_key=(
            "; put it into a context or the project's environment variables as GITDAILIES_WEBHOOK_KEY, or "
            "name its variable in webhook_key (forked pull requests get none unless the project passes "
            "secrets to them)"
        ),
        inputs=_circleci_inputs,
        names=CIRCLECI_PARAMETERS,
    ),
    turn=20,
)


# core/gitdailies_core/ci/platforms/travis.py
# Travis CI. Source: its "Environment Variables" page.


TRAVIS_TABLE = Table(
    # A restarted job keeps its build's id.
    run=("TRAVIS_BUILD_ID",),
    # For a pull request TRAVIS_COMMIT is a temporary merge commit, and TRAVIS_BRANCH the target.
    sha=("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"),
    # For a tag TRAVIS_BRANCH is the tag.
    branch=("TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"),
    tag=("TRAVIS_TAG",),
    repo=("TRAVIS_REPO_SLUG",),
    url=("TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"),
    # The result of the script phase. No variable has the result of the deploy itself.
    status=("TRAVIS_TEST_RESULT",),
)


def _travis_read(variables: Variables, event: Any) -> Facts:
    return TRAVIS_TABLE.read(variables, status_of="the script phase")


TRAVIS = Platform(
    word="travis",
    title="Travis CI",
    marker="TRAVIS",
    read=_travis_read,
    step=Step(
        agent="gitdailies-travis",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY in the repository's settings or encrypted in .travis.yml "
            "(builds of forks get none)"
        ),
        folder="TRAVIS_BUILD_DIR",
    ),
    turn=30,
)


# core/gitdailies_core/ci/platforms/octopus.py
# Octopus Deploy. Names are Octopus's own.


OCTOPUS_TABLE = Table(
    # Octopus.Release.Git.* name the repository of the deployment process, not the application's.
    run=("Octopus.Deployment.Id",),
    environment=("Octopus.Environment.Name",),
)


# JSON. Octopus.Release.Package and .Builds do not exist in steps, only in release notes.
_CHANGES = "Octopus.Deployment.Changes"


_RELEASE = "Octopus.Release.Number"


_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"


_ERROR = "Octopus.Deployment.Error"


# No time: the form of Octopus.Deployment.Created depends on the server's language.
NAMES = (*OCTOPUS_TABLE.run, *OCTOPUS_TABLE.environment, _CHANGES, _RELEASE, _SERVER, _LINK, _ERROR)


# A template's parameter is a variable of this name. No other step has one with this prefix.
OCTOPUS_PARAMETERS = {name: "GitDailies." + name.title().replace("-", "") for name in INPUTS}


ASKED = (*NAMES, *OCTOPUS_PARAMETERS.values())


_LENDS = "get_octopusvariable"


# An older agent's Bash function prints this for a variable that does not exist.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')


_MARK = "##octopus["


_REMEDY = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"


def _octopus_read(variables: Variables, event: Any) -> Facts:
    server, link = variables.first(_SERVER), variables.first(_LINK)
    targets, notes = _targets(variables.first(_CHANGES), variables.first(_RELEASE))
    return OCTOPUS_TABLE.read(
        variables,
        targets=targets,
        url=server.rstrip("/") + "/" + link.lstrip("/") if server and link else None,
        status="failed" if variables.first(_ERROR) else None,
        status_of="the deployment",
        notes=notes,
        remedy=_REMEDY,
    )


def _targets(text: str | None, release: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the repositories of a release's packages, each with its commit and the new commits.

    The list holds every release since the last one in this environment. The entry of *release* names
    the deployed commit; all entries together name the new commits.
    """
    try:
        changes = json.loads(text) if text else []
    except ValueError:
        return (), [f"{_CHANGES} is no JSON"]
    packages: list[tuple[bool, dict[str, Any]]] = [
        (str(change.get("Version")) == release, package)
        for change in _objects(changes)
        for package in _objects(change.get("BuildInformation"))
    ]
    found: dict[tuple[str | None, str | None], Target] = {}
    for of_release, package in packages:
        repo, sha = slug(str(package.get("VcsRoot") or "")), full_sha(_octopus_text(package, "VcsCommitNumber"))
        if of_release and (repo or sha) and (repo, sha) not in found:
            brought = [package for _, package in packages if slug(str(package.get("VcsRoot") or "")) == repo]
            found[repo, sha] = Target(
                repo=repo, sha=sha, branch=branch_of(_octopus_text(package, "Branch")), commits=_commits(brought)
            )
    notes = [] if found or not packages else [f"{_CHANGES} names no package of release {release}"]
    return tuple(found.values()), notes


def _commits(packages: list[dict[str, Any]]) -> tuple[dict[str, str], ...]:
    # Build information has no times of commits.
    found = {}
    for package in packages:
        for item in _objects(package.get("Commits")):
            entry = commit(item.get("Id"), None)
            if entry:
                found[entry["sha"]] = entry
    return tuple(found.values())


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _octopus_text(package: dict[str, Any], name: str) -> str:
    value = package.get(name)
    return value if isinstance(value, str) else ""


def ask(lent: Mapping[str, Any], standard_input: Callable[[], bytes]) -> dict[str, str]:
    """Ask for every variable that is used. A missing one is empty."""
    get = lent.get(_LENDS)
    if get is None:
        handed = _pairs(standard_input())
        return {name: _known(handed.get(name, "")) for name in ASKED}
    return {name: _known(_asked(get, name)) for name in ASKED}


def octopus_inputs(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name."""
    return {name: variables.get(variable, "") for name, variable in OCTOPUS_PARAMETERS.items()}


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


def _octopus_log(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. A foreign text, such as a receiver's answer, gives no commands."""
    plain = [line.replace(_MARK, "## octopus[") for line in messages(report)]
    if report.ok:
        return plain
    level = "error" if fails else "warning"
    return [f"{_MARK}stdout-{level}]", *plain, f"{_MARK}stdout-default]"]


OCTOPUS = Platform(
    word="octopus",
    title="Octopus Deploy",
    marker="Octopus.Deployment.Id",
    read=_octopus_read,
    step=Step(
        agent="gitdailies-octopus",
        no_key="; set the template's parameter Webhook key, best to a sensitive variable",
        inputs=octopus_inputs,
        names=OCTOPUS_PARAMETERS,
        log=_octopus_log,
        lends=_LENDS,
        ask=ask,
    ),
    turn=40,
)


# core/gitdailies_core/ci/platforms/gitlab.py
# GitLab CI.


GITLAB_TABLE = Table(
    # A retried job stays in its pipeline.
    run=("CI_PIPELINE_ID",),
    # Only merged-result pipelines have the first. Their CI_COMMIT_SHA is a temporary merge commit.
    sha=("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
    # CI_COMMIT_REF_NAME may be a branch or a tag. Merge request pipelines have no CI_COMMIT_BRANCH.
    branch=("CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_PROJECT_PATH",),
    repo_url=("CI_REPOSITORY_URL",),
    # The name, because the slug is a shortened and changed form of it.
    environment=("CI_ENVIRONMENT_NAME",),
    url=("CI_PIPELINE_URL",),
)


# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")


def _gitlab_read(variables: Variables, event: Any) -> Facts:
    action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
    status = variables.first("CI_JOB_STATUS")
    return GITLAB_TABLE.read(
        variables,
        # The status is `running` until after_script.
        status=None if status == "running" else status,
        skip=f"the environment's action is {action}, which deploys nothing" if action in _NO_DEPLOY else None,
    )


def _gitlab_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name: the component's, else the GITDAILIES_* variable of that name.

    The component passes INPUT_*, because a project's variable overrides a job's of the same name.
    """
    inputs, own = texts(environ, "INPUT_"), texts(environ)
    read = {name: text if text.strip() else own[name] for name, text in inputs.items()}
    named = environ.get("INPUT_WEBHOOK_KEY_ENV", "").strip()
    if named:
        read["webhook-key"] = environ.get(named, "")
    return read


def _warned(environ: Mapping[str, str]) -> int:
    """Return the exit code of a warning: the one that the component allows its job to fail with, else 0."""
    code = environ.get("GITDAILIES_WARNING_EXIT", "")
    return int(code) if code.isdecimal() else 0


GITLAB = Platform(
    word="gitlab",
    title="GitLab CI",
    marker="GITLAB_CI",
    read=_gitlab_read,
    step=Step(
        agent="gitdailies-gitlab-component",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY as a masked CI/CD variable of the project or group, or name its "
            "variable in webhook-key-env (a protected variable reaches protected branches and tags alone)"
        ),
        folder="CI_PROJECT_DIR",
        inputs=_gitlab_inputs,
        names=SAME_NAMES,
        warned=_warned,
    ),
    turn=50,
)


# core/gitdailies_core/ci/platforms/buildkite.py
# Buildkite. Source: its "Environment variables" reference.


BUILDKITE_TABLE = Table(
    # A retried job stays in its build.
    run=("BUILDKITE_BUILD_ID",),
    # In builds made by hand this is the word HEAD until the agent's checkout.
    sha=("BUILDKITE_COMMIT",),
    # If a tag was pushed, this is the tag.
    branch=("BUILDKITE_BRANCH",),
    tag=("BUILDKITE_TAG",),
    repo_url=("BUILDKITE_REPO",),
    environment=("BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",),
    url=("BUILDKITE_BUILD_URL",),
    # Set from post-command on.
    status=("BUILDKITE_COMMAND_EXIT_STATUS",),
)


_CONFIGURATION = "BUILDKITE_PLUGIN_CONFIGURATION"


_KEY_NAME = "webhook-key-env"


def _buildkite_read(variables: Variables, event: Any) -> Facts:
    return BUILDKITE_TABLE.read(variables, status_of="the command")


def _buildkite_inputs(environ: Mapping[str, str]) -> dict[str, str]:
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
    if isinstance(value, list) and name == "repo":
        return " ".join(map(str, value))
    if value is None or isinstance(value, (str, int, float)):
        return "" if value is None else str(value)
    raise UsageError(f"{name}: expected a text, got {got(value)}")


BUILDKITE = Platform(
    word="buildkite",
    title="Buildkite",
    marker="BUILDKITE",
    read=_buildkite_read,
    step=Step(
        agent="gitdailies-buildkite-plugin",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY from a Buildkite secret or in the agent's environment hook, "
            "or name its variable in webhook-key-env"
        ),
        folder="BUILDKITE_BUILD_CHECKOUT_PATH",
        inputs=_buildkite_inputs,
        names=SAME_NAMES,
    ),
    turn=60,
)


# core/gitdailies_core/ci/platforms/azure.py
# Azure Pipelines.


AZURE_TABLE = Table(
    # A stage that is run again stays in its build.
    run=("BUILD_BUILDID",),
    # For a pull request BUILD_SOURCEVERSION is a temporary merge commit.
    sha=("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
    # BUILD_SOURCEBRANCHNAME is only the last part: `tools` of feature/tools.
    branch=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
    repo_url=("BUILD_REPOSITORY_URI",),
    # Only deployment jobs have it.
    environment=("ENVIRONMENT_NAME",),
    status=("AGENT_JOBSTATUS",),
)


# The template's parameters, such as `webhookKey`: Azure's names have no hyphens.
AZURE_PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}


# The agent leaves a reference to an unknown variable as it is.
_UNSET = re.compile(r"^\$\([^()]*\)$")


def _azure_read(variables: Variables, event: Any) -> Facts:
    ref = variables.first("BUILD_SOURCEBRANCH")
    on_github = variables.first("BUILD_REPOSITORY_PROVIDER") in ("GitHub", "GitHubEnterprise")
    return AZURE_TABLE.read(
        variables,
        # Other providers put the name there without the owner.
        repo=variables.first("BUILD_REPOSITORY_NAME") if on_github else None,
        branch=variables.first(*AZURE_TABLE.branch) or branch_of(ref),
        tag=tag_of(ref),
        url=_url(variables),
    )


def _url(variables: Variables) -> str | None:
    collection, project = variables.first("SYSTEM_COLLECTIONURI"), variables.first("SYSTEM_TEAMPROJECT")
    run = variables.first(*AZURE_TABLE.run)
    if not (collection and project and run):
        return None
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={run}"


def _azure_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name. The address and the key refer to variables, which may be missing."""
    read = texts(environ)
    for name in ("webhook-url", "webhook-key"):
        if _UNSET.match(read[name].strip()):
            read[name] = ""
    return read


def _azure_log(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Errors and warnings also appear on the run's page.

    The agent reads its commands anywhere in a line, so a foreign text must not hold one.
    """
    plain = [line.replace("##", "# #") for line in lines(report, fails)]
    if report.ok:
        return plain
    issue = f"##vso[task.logissue type={'error' if fails else 'warning'}]"
    notes = len(report.notes)
    return plain[:notes] + [issue + line for line in plain[notes:]]


AZURE = Platform(
    word="azure",
    title="Azure Pipelines",
    marker="TF_BUILD",
    read=_azure_read,
    step=Step(
        agent="gitdailies-azure-pipelines",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY as a secret variable of the pipeline or of a variable group, or "
            "pass webhookKey: its reference (runs of forks get no secrets unless the pipeline says so)"
        ),
        folder="BUILD_SOURCESDIRECTORY",
        inputs=_azure_inputs,
        names=AZURE_PARAMETERS,
        log=_azure_log,
    ),
    turn=70,
)


# core/gitdailies_core/ci/platforms/bitbucket.py
# Bitbucket Pipelines. Source: its "Variables and secrets" page.


BITBUCKET_TABLE = Table(
    # Each repository counts its own builds. The deploy's id holds the repository, too.
    run=("BITBUCKET_BUILD_NUMBER",),
    sha=("BITBUCKET_COMMIT",),
    # Not set if the run builds a tag.
    branch=("BITBUCKET_BRANCH",),
    tag=("BITBUCKET_TAG",),
    repo=("BITBUCKET_REPO_FULL_NAME",),
    repo_url=("BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN"),
    # Only steps with `deployment:` have it.
    environment=("BITBUCKET_DEPLOYMENT_ENVIRONMENT",),
    # Only set in after-script.
    status=("BITBUCKET_EXIT_CODE",),
)


def _bitbucket_read(variables: Variables, event: Any) -> Facts:
    repo, run = variables.first(*BITBUCKET_TABLE.repo), variables.first(*BITBUCKET_TABLE.run)
    # No variable holds the run's address.
    url = f"https://bitbucket.org/{repo}/pipelines/results/{run}" if repo and run else None
    return BITBUCKET_TABLE.read(variables, url=url, status_of="the script")


BITBUCKET = Platform(
    word="bitbucket",
    title="Bitbucket Pipelines",
    marker="BITBUCKET_BUILD_NUMBER",
    read=_bitbucket_read,
    step=Step(
        agent="gitdailies-bitbucket-pipelines",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY as a secured variable of the workspace, repository or deployment"
        ),
        folder="BITBUCKET_CLONE_DIR",
    ),
)


# core/gitdailies_core/ci/platforms/jenkins.py
# Jenkins. Sources: the git plugin's README, a server's own /env-vars.html page.


_REMOTE = re.compile(r"^(?:refs/remotes/)?origin/")


JENKINS_TABLE = Table(
    run=("BUILD_TAG", "BUILD_URL"),
    sha=("GIT_COMMIT",),
    # In multibranch pipelines BRANCH_NAME may also be a tag, or PR-7 for a pull request.
    branch=("CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
    tag=("TAG_NAME",),
    repo_url=("GIT_URL", "GIT_URL_1"),
    url=("BUILD_URL",),
)


def _jenkins_read(variables: Variables, event: Any) -> Facts:
    branch = variables.first(*JENKINS_TABLE.branch)
    # Only GIT_BRANCH begins with the remote: origin/main, refs/remotes/origin/main.
    if branch and branch == variables.first("GIT_BRANCH"):
        branch = _REMOTE.sub("", branch)
    # An old git plugin has one of these words if it checked out a bare commit.
    return JENKINS_TABLE.read(variables, branch=None if branch in ("detached", "HEAD") else branch)


JENKINS = Platform(
    word="jenkins",
    title="Jenkins",
    marker="JENKINS_URL",
    read=_jenkins_read,
    step=Step(
        agent="gitdailies-jenkins",
        no_key=(
            "; add a secret text to the credentials and bind it to GITDAILIES_WEBHOOK_KEY around this step, "
            "with withCredentials"
        ),
        # No folder: a `dir` step changes the current directory, and git reads that one.
    ),
    # The last one: its agents often share a machine with another platform's agent.
    turn=90,
)


# core/gitdailies_core/ci/platforms/__init__.py
# The platforms of this file, in the order that they are tried in.


PLATFORMS: tuple[Platform, ...] = (
    GITHUB_ACTIONS,
    CIRCLECI,
    TRAVIS,
    OCTOPUS,
    GITLAB,
    BUILDKITE,
    AZURE,
    BITBUCKET,
    JENKINS,
)


# core/gitdailies_core/ci/detection.py
# Which CI platform a job runs on, and which deploys it made there.


def detect(environ: Mapping[str, str]) -> Platform | None:
    """Return the platform whose marker is set, or None."""
    variables = Variables(environ)
    for platform in PLATFORMS:
        marker = variables.first(platform.marker)
        if marker and marker.lower() != "false":
            return platform
    return None


# core/gitdailies_core/ci/__main__.py
# The step of every CI platform: finds the platform, reports the job's deploys, ends as its inputs say.


# For a job on none of the platforms. Git gives what the inputs do not.
_ELSEWHERE = Step(agent="gitdailies-step", no_key="; set GITDAILIES_WEBHOOK_KEY")


def main(lent: Mapping[str, Any]) -> int:
    """Run the step and return the exit code; *lent* holds the functions that an agent adds to a script."""
    # Windows' own code page lacks many characters, and platforms read UTF-8.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    platform, environ = _job(lent)
    step = platform.step if platform else _ELSEWHERE
    report, fails = _reported(platform, step, environ)
    for line in step.log(report, fails):
        print(line)
    for name, text in step.files(report).items():
        if not _appended(environ.get(name, ""), text):
            print(step.not_written(name))
    return report.code if fails or report.ok else step.warned(environ)


def _job(lent: Mapping[str, Any]) -> tuple[Platform | None, Mapping[str, str]]:
    """Return the platform of the job and its variables. The only platform of a file needs no marker."""
    only = PLATFORMS[0] if len(PLATFORMS) == 1 else None
    for platform in PLATFORMS:
        ask = platform.step.ask
        if ask and (platform is only or platform.step.lends in lent):
            return platform, ask(lent, sys.stdin.buffer.read)
    return only or detect(os.environ), os.environ


def _reported(platform: Platform | None, step: Step, environ: Mapping[str, str]) -> tuple[Report, bool]:
    """Run the step; return its report, and whether an error fails the job."""
    names = variables() if step.names is None else step.names
    try:
        inputs = step.inputs(environ)
    except UsageError as error:
        # The inputs cannot be read. Whether errors fail the job comes from the variable.
        return refused(error, names), strict(texts(environ))
    for line in step.masks(inputs["webhook-key"]):
        print(line)
    report = run(
        platform,
        inputs,
        environ=environ,
        event=_event(environ.get(step.event, "")),
        directory=environ.get(step.folder) or ".",
        agent=step.agent,
        no_key=step.no_key,
        names=names,
    )
    return report, strict(inputs)


def _event(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return json.loads(file.read())
    except (OSError, ValueError):
        # If the commit is only in the payload, the report says so. It is never guessed.
        return None


def _appended(path: str, text: str) -> bool:
    try:
        # Bytes that are not UTF-8 are written as escapes. They are no error.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    ended = main(globals())
    if any(platform.step.lends in globals() for platform in PLATFORMS):
        # Such an agent runs the script in its own process, and has work to do afterwards.
        sys.exit(ended)
    leave(ended)
