"""Report a deploy to GitDailies from a CI job.

Version 0.1.0. Joined by scripts/joiner from the files below; change those.
Standard library only, Python 3.9 or later.

    core/gitdailies_core/
    core/gitdailies_core/ci/
    core/gitdailies_core/ci/platforms/
    core/gitdailies_core/events/
    core/gitdailies_core/values/
    core/gitdailies_core/ci/__main__.py

Each part names its file, within core/gitdailies_core/.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):
    sys.exit("expected Python 3.9 or later, got %d.%d" % sys.version_info[:2])

import gc

# A step ends long before its garbage fills the memory. Looking for it takes a twentieth of the time.
gc.disable()

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cached_property
from json.encoder import encode_basestring_ascii
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# The modules are texts, which are compiled when this job needs them: most of a step's time is spent on that.
# A number is that of its line, for tracebacks.
_LATER = {}

def _now(line, text):
    exec(compile("\n" * (line - 1) + text, _now.__code__.co_filename, "exec"), globals())

def _load(*modules):
    for module in modules:
        if module in _LATER:
            _now(*_LATER.pop(module))

def _late(name, *modules):
    def load():
        _load(*modules)
        return globals()[name]

    return load

_now(61, r'''
# ci/frozen.py
# Replace `dataclasses.dataclass(frozen=True)` in the one-file steps.

def dataclass(*, frozen):
    """Add `__init__`, `__repr__`, `__eq__` and `__hash__` by the class's fields, and forbid changes."""
    if not frozen:
        raise TypeError("dataclass: expected frozen=True, got False")

    def decorate(cls):
        names = tuple(cls.__dict__.get("__annotations__", ()))
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

        def __init__(self, *args, **kwargs):
            values = {**defaults, **dict(zip(names, args)), **kwargs}
            if len(args) > len(names) or len(values) != len(names) or not kwargs.keys() <= values.keys():
                raise TypeError(
                    f"{cls.__name__}: expected {', '.join(names)}, got {len(args)} and {list(kwargs)}"
                )
            for name in names:
                object.__setattr__(self, name, values[name])

        def __setattr__(self, name, value):
            raise AttributeError(f"{cls.__name__}.{name}: expected no change, got one")

        def values_of(self):
            return tuple(getattr(self, name) for name in names)

        cls.__init__ = __init__
        cls.__setattr__ = __setattr__
        cls.__eq__ = lambda self, other: other.__class__ is cls and values_of(self) == values_of(other)
        cls.__hash__ = lambda self: hash(values_of(self))
        cls.__repr__ = lambda self: f"{cls.__name__}{values_of(self)}"
        return cls

    return decorate

# error_text.py
# Text for error messages: a wrong value shown safely, and the name of the setting that holds it.

# How a fault says that a value is missing.
NOTHING = "nothing"

_LONGEST = 60
_MOST_BITS = 200  # as many as 60 digits hold; Python refuses to write out very long ones

def relabel(message, names):
    """Replace the place at the start of `where: expected, got`.

    *names* maps our name of a place to the name that the reader knows, such as a command-line option.
    """
    where, colon, rest = message.partition(": ")
    return f"{names.get(where, where)}{colon}{rest}"

def relabel_all(messages, names):
    """Replace the place at the start of each message, in the same way."""
    return tuple(relabel(message, names) for message in messages)

def got(value):
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

def got_of(values, name):
    """Describe the value under *name* like `got`. Where the name is missing, it is `nothing`."""
    return got(values[name]) if name in values else NOTHING

# errors.py
# Every error that this project raises on purpose.

class GitDailiesError(Exception):
    """The root. Catching it catches every error of this project and no other."""

    status_hint = 500
    exit_code = 1

class UsageError(GitDailiesError):
    """A wrong argument or setting; nothing was sent. `complaints` has one line for each mistake."""

    status_hint = 400
    exit_code = 2

    def __init__(self, *complaints):
        super().__init__("\n".join(complaints))
        self.complaints = complaints

class ConfigurationError(UsageError):
    """Wrong settings in a configuration file."""

class InvalidEvent(GitDailiesError):
    """An event that does not fit core's table. `field` is the wire name at fault, or empty.

    An event with several faults is one error. Its `faults` are an error for each, the first one first.
    """

    status_hint = 422
    exit_code = 2

    def __init__(self, message, field = "", faults = ()):
        super().__init__(message)
        self.field = field
        self._faults = tuple(faults)

    @classmethod
    def of(cls, faults):
        """Return one error for all of *faults*. There is at least one."""
        if len(faults) == 1:
            return faults[0]
        return cls("; ".join(map(str, faults)), faults[0].field, faults)

# values/times.py
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

def parse(text, where):
    """Read an RFC 3339 time with a zone, as aware UTC. Digits after the sixth fractional one are cut.

    Raises ValueError that says `where: expected, got`.
    """
    match = _RFC3339.search(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}")
    return _moment(text, match, where)

def _moment(text, match, where):
    fraction, zone = match.group(4, 5)
    seconds = text[:19] if fraction is None else f"{text[:19]}.{fraction[1:7]:0<6}"
    try:
        # fromisoformat reads no or six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(seconds + "+00:00")
        return datetime.fromisoformat(seconds + zone).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}") from None

def text_of(moment):
    """Write an aware time as RFC 3339 in UTC, with 0, 3 or 6 fractional digits as needed.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("time: expected an aware time, got a naive one")
    utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    # Without a fraction if that is zero, else with six digits.
    clock = utc.time().isoformat()
    return f"{utc.date().isoformat()}T{clock if utc.microsecond % 1000 else clock[:12]}Z"

# events/field_types.py
# The types of event fields, and the one place that checks their values.

DEPLOY_TYPES = ("deploy", "rollback", "hotfix")
TIERS = ("production", "staging", "testing", "development", "other")

# Of a longer list, an event keeps the first ones: it counts all the same.
MOST_COMMITS = 1000

MOST_REVERTS = 100

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

def _never(text):
    return False

@dataclass(frozen=True)
class FieldType:
    """A type of field: a pattern or a list of words, and a greatest length in characters.

    `quick` is a fast check: an event holds a text unchanged for which it holds, if that is not too long.
    """

    expected: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    longest: int = 255
    form: str = "text"
    quick: Callable[[str], bool] = _never

    @cached_property
    def fits(self):
        """A check of the pattern or the words, without the length."""
        # Compiled on first use: a CI step checks one event, a server checks the same few fields all the time.
        return self.words.__contains__ if self.words else re.compile(self.pattern).search

    def accepts(self, text):
        """Return whether *text* is a value of this type."""
        return len(text) <= self.longest and (
            self.quick(text) or (bool(self.fits(text)) and (text.isascii() or _encodable(text)))
        )

def _plain(text):
    return text.isascii() and text.isprintable()

def _plain_word(text):
    return text.isascii() and text.isprintable() and " " not in text

def _plain_repo(text):
    return _plain_word(text) and "/" in text and all(text.split("/"))

def _plain_address(text):
    return text.startswith(("https://", "http://")) and _plain_word(text)

def _plain_sha(text):
    return len(text) >= 7 and not text.strip("0123456789abcdef")

REPO = FieldType("a repository like 'larkspur/checkout-api'", _REPO, quick=_plain_repo)
SHA = FieldType("7 to 64 hexadecimal digits", _SHA, longest=64, quick=_plain_sha)
CAUSE = FieldType("7 to 64 hexadecimal digits, or none", _CAUSE, longest=64)
NAME = FieldType("text on one line", _NAME, quick=_plain)
LINE = FieldType("text on one line", _LINE, quick=str.isprintable)
IDENTIFIER = FieldType("printable ASCII without spaces", _ID, quick=_plain_word)
URL = FieldType("an http or https address", _URL, longest=2000, quick=_plain_address)
TIME = FieldType("a time like 2026-03-04T09:12:41Z", RFC3339, longest=40, form="time")
TYPE = FieldType("one of deploy, rollback, hotfix", words=DEPLOY_TYPES)
TIER = FieldType(f"one of {', '.join(TIERS)}", words=TIERS)
REVERTS = FieldType(f"a list of at most {MOST_REVERTS} commit SHAs", form="reverts")
COMMITS = FieldType(f"a list of at most {MOST_COMMITS} objects with sha and time", form="commits")

def normalize(kind, where, value):
    """Return *value* in the form that an event holds. Raises InvalidEvent that names the field *where*."""
    if kind.form == "time":
        return _normalize_time(value, where, where)
    if kind.form == "commits":
        return _normalize_commits(kind, where, value)
    if kind.form == "reverts":
        return _normalize_reverts(kind, where, value)
    if isinstance(value, str) and kind.accepts(value):
        return value.lower() if kind is SHA or kind is CAUSE else value
    raise InvalidEvent(f"{where}: expected {kind.expected}, got {describe_misfit(kind, value)}", where)

def describe_misfit(kind, value):
    """Describe a value that the type does not accept, for the right half of `expected, got`."""
    if isinstance(value, str) and len(value) > kind.longest:
        return f"{len(value)} characters, {kind.longest} are allowed"
    if isinstance(value, str) and not _encodable(value):
        return "half of a surrogate pair"
    hidden = re.search(f"[{HIDDEN}]", value) if isinstance(value, str) and kind in (REPO, NAME) else None
    return f"the hidden character U+{ord(hidden[0]):04X} in {got(value)}" if hidden else got(value)

def _normalize_time(value, where, field):
    if isinstance(value, datetime):
        return text_of(value)
    try:
        moment = parse(value, where)
        # With seconds and Z, it is that text.
        return str(value) if value[19:] == "Z" else text_of(moment)
    except ValueError as error:
        raise InvalidEvent(str(error), field) from None

def _normalize_commits(kind, where, value):
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
        entry = {"sha": sha.lower()}
        if commit.get("time") is not None:
            entry["time"] = _normalize_time(commit["time"], f"{place}.time", where)
        commits.append(entry)
    return commits[:MOST_COMMITS]

def _normalize_reverts(kind, where, value):
    if not isinstance(value, list):
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", where)
    for index, sha in enumerate(value):
        if not isinstance(sha, str) or not SHA.accepts(sha):
            raise InvalidEvent(f"{where}[{index}]: expected {SHA.expected}, got {got(sha)}", where)
    return [sha.lower() for sha in value[:MOST_REVERTS]]

def _encodable(text):
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
''')

_LATER["ci.git_url"] = 392, r'''
# ci/git_url.py
# Find the slug in the address of a repository.

from urllib.parse import unquote

# The patterns are texts: a step compiles only those that it needs, which saves a part of its time.
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

def slug(address):
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

def _decoded(part):
    """Return a part of a path without escapes. A repository's name can hold no space and no slash."""
    plain = unquote(part)
    return part if re.search(r"[\s/\x00-\x1f\x7f\ufffd]", plain) else plain

def _azure(host, parts):
    # All forms become organization/project/name.
    parts = [part for part in parts if part not in ("_git", "v3", "DefaultCollection")]
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.partition(".")[0], *parts]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*parts, parts[-1]] if len(parts) == 2 else parts

def _azure_server(parts):
    """Return collection/project/name. The server may have a path of its own before them, often `tfs`."""
    at = parts.index("_git")
    before, name = parts[:at], parts[at + 1]
    if len(before) > 1 and before[0].lower() == "tfs":
        before = before[1:]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*before[-2:], name] if len(before) > 1 else [*before, name, name]
'''

_now(476, r'''
# events/events.py
# The events that GitDailies counts: one table of kinds and fields, and the value `Event`.

_EVENTS_NOTHING = MappingProxyType({})
DEPLOYED = "deployed"

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
    def names(self):
        """The wire names of this kind's fields, and `kind`."""
        return frozenset({"kind", *(field.name for field in self.fields)})

    @cached_property
    def checks(self):
        return tuple((one.name, one.type, one.type.quick, one.required) for one in self.fields)

    def field(self, name):
        """Find a field by its wire name. Returns None if the kind has no such field."""
        return next((field for field in self.fields if field.name == name), None)

_REPO_FIELD = Field("repo", REPO, "the repository, as owner/name", required=True, documented=True)

_ENVIRONMENT = Field(
    "environment", NAME, "where it happened; left out, it counts as production", documented=True
)

_TIME = Field("time", TIME, "when it happened; left out, the moment of the call", documented=True)
_IDENTITY = Field("id", IDENTIFIER, "names this event; the same at every attempt, so that it counts once")
_SERVICE = Field("service", NAME, "the service, where a repository holds several")
_EVENT_URL = Field("url", URL, "a page about it")

KINDS = (
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
            Field("run", NAME, "the pipeline run, the same at every attempt; `github-actions:9912004455`"),
            Field("attempt", NAME, "which attempt of the run this is; left out, the first"),
            Field("reporter", NAME, "what reported the deploy; `step/github-actions`"),
            Field("tier", TIER, "what the environment is for, whatever its name"),
            Field("type", TYPE, "what kind of deploy; left out, deploy"),
            _EVENT_URL,
            Field(
                "commits",
                COMMITS,
                "the commits it brought, each with its time, for the lead time; the first 1000 count",
            ),
            Field("commitTime", TIME, "when the deployed commit was made, where `commits` is not known"),
            Field("fixes", NAME, "the id of the incident that it fixes"),
            Field("reverts", REVERTS, "the commits that its commits undo; the first 100 count"),
        ),
        example={},
    ),
)

def kind_of(word, kinds = KINDS):
    """Find a kind by its wire word. Raises InvalidEvent that lists the words."""
    for kind in kinds:
        if kind.word == word:
            return kind
    words = ", ".join(kind.word for kind in kinds)
    raise InvalidEvent(f"kind: expected one of {words}, got {NOTHING if word is None else got(word)}", "kind")

@dataclass(frozen=True)
class Event:
    """One event, checked against the table. Build it with `make` or `from_wire`.

    `values` maps wire names to plain JSON values. Times are RFC 3339 text in UTC. No value is
    empty. `extra` holds unknown fields unchanged.
    """

    kind: str
    values: MappingProxyType[str, Any]
    extra: MappingProxyType[str, Any]

    @classmethod
    def make(cls, kind, **values):
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
    def from_wire(cls, body, kinds = KINDS):
        """Check a JSON object against the table. null and "" mean not given.

        Raises InvalidEvent that names each wrong field, the expected value and the actual one.
        """
        if not isinstance(body, dict):
            raise InvalidEvent(f"event: expected an object, got {got(body)}")
        kind = kind_of(body.get("kind"), kinds)
        values = {}
        faults = []
        for name, type_, is_quick, required in kind.checks:
            value = body.get(name)
            if isinstance(value, str) and 0 < len(value) <= type_.longest and is_quick(value):
                values[name] = value  # nearly every text; half of a surrogate pair is not printable
            elif value is not None and value != "":
                try:
                    values[name] = normalize(type_, name, value)
                except InvalidEvent as error:
                    faults.append(error)
            elif required:
                fault = f"{name}: expected {type_.expected}, got {got_of(body, name)}"
                faults.append(InvalidEvent(fault, name))
        if faults:
            raise InvalidEvent.of(faults)
        extra = _EVENTS_NOTHING
        if not body.keys() <= kind.names:
            extra = MappingProxyType({name: body[name] for name in body if name not in kind.names})
        return cls(kind.word, MappingProxyType(values), extra)

    def get(self, name):
        """Return a value by its wire name, or None."""
        return self.values.get(name)

    @property
    def id(self):
        return self.values.get("id")

    @property
    def time(self):
        """When it happened, aware UTC. None means when the receiver gets the event."""
        text = self.values.get("time")
        return None if text is None else parse(text, "time")

    def replace(self, **changes):
        """Return the event with changed values. None removes a value."""
        plain = {name: text_of(v) if isinstance(v, datetime) else v for name, v in changes.items()}
        values = {name: v for name, v in {**self.values, **plain}.items() if v is not None}
        return Event.from_wire({"kind": self.kind, **values, **self.extra})

# ci/facts.py
# Plain values about a job: the platform's facts, and the resulting deploys.

# Texts that mean no value: CircleCI writes `<nil>`, Helm and GitLab `<no value>`, JSON null,
# JavaScript undefined, Python None.
_FACTS_NOTHING = frozenset({"", "<nil>", "nil", "<no value>", "null", "undefined", "none"})

# A reference that was not replaced. Azure leaves an unknown one as a dollar and parentheses. Octopus
# has a number sign before the braces. No comment here shows that, because Octopus replaces it in scripts.
_UNFILLED = r"^(\$\(.*\)|\$?\$\{.*\}|#\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|<<.*>>)$"

_HEADS, _TAGS = "refs/heads/", "refs/tags/"

# GitHub's merge queue builds a branch of its own, named after the one that it merges into.
_QUEUE = "gh-readonly-queue/"

_HEXADECIMAL = "0123456789abcdefABCDEF"
SUCCEEDED = frozenset({"success", "succeeded", "successful", "succeededwithissues", "passed", "ok", "0"})

FACTS_FAILED = frozenset(
    {
        *("failure", "failed", "fail", "error", "errored", "broken", "unstable", "1"),
        *("cancelled", "canceled", "aborted", "abandoned", "skipped", "not_built", "timed_out"),
    }
)

def given(text):
    """Return *text* without spaces and line ends around it, or None if it means no value."""
    text = (text or "").strip()
    return None if text.lower() in _FACTS_NOTHING else text

def filled_in(name, text):
    """Return *text* like `given`. Raises UsageError for a reference that nothing filled in."""
    text = given(text)
    if text and text[0] in "$#<" and re.match(_UNFILLED, text):
        raise UsageError(f"{name}: expected a value, got {got(text)}, which nothing filled in")
    return text

def full_sha(text):
    """Return *text* in lower case if it is a full commit SHA that is not all zeros."""
    text = given(text)
    whole = text and len(text) in (40, 64) and not text.strip(_HEXADECIMAL) and text.strip("0")
    return text.lower() if text and whole else None

def branch_of(ref):
    """Return the branch that *ref* names, or None for a tag, another kind of ref or a commit.

    For a branch of GitHub's merge queue it is the branch that the queue merges into.
    """
    ref = None if full_sha(ref) else given(ref)
    if ref and ref.startswith(_HEADS):
        ref = ref[len(_HEADS) :] or None
    if ref and ref.startswith(_QUEUE):
        return ref[len(_QUEUE) :].rpartition("/pr-")[0] or None
    return None if ref and ref.startswith("refs/") else ref

def tag_of(ref):
    """Return the tag of `refs/tags/NAME`, None for any other ref."""
    ref = given(ref)
    return ref[len(_TAGS) :] if ref and ref.startswith(_TAGS) else None

def repo_of(address):
    """Return `owner/name` of a repository's address, or None."""
    if not address:
        return None
    # Most jobs have the name itself.
    _load("ci.git_url")
    return slug(address)

def later_attempt(text):
    """Return the number of an attempt, or None for the first one and for none."""
    text = given(text)
    return None if text and text.isdecimal() and int(text) < 2 else text

def commit(sha, time):
    """Return an entry of `commits`, without a time that cannot be read. Returns None for no commit."""
    name = full_sha(sha) if isinstance(sha, str) else None
    moment = readable_time(time)
    return {"sha": name, **({"time": moment} if moment else {})} if name else None

def at(payload, paths):
    """Return the first text or number that one of *paths* leads to, or None."""
    for path in paths.split():
        value = payload
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        text = given(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
        if text:
            return text
    return None

def readable_time(time):
    """Return a time in our form, or None if it cannot be read."""
    try:
        return text_of(parse(time, "time"))
    except ValueError:
        return None

# As `git revert` writes it, and GitHub and GitLab do. With --reference, git writes a short name.
_REVERT = r"(?im)^\W*this reverts commit\s+([0-9a-f]{7,64})\b"

def undone_by(message):
    """Return the commits that a commit with this message undoes."""
    # Few messages say so, and a step that meets none compiles no pattern.
    if not isinstance(message, str) or "this reverts commit" not in message.casefold():
        return ()
    return tuple(sha.lower() for sha in re.findall(_REVERT, message))

def reverts_of(commits):
    """Return what commits undo together: *commits* are pairs of name and undone commits, newest first.

    A revert that a newer one of them undoes does not count.
    """
    found = {}
    for sha, undone in commits:
        name = sha.lower() if isinstance(sha, str) else ""
        if not any(name.startswith(one) for one in found):
            found.update(dict.fromkeys(undone))
    return tuple(found)

@dataclass(frozen=True)
class Target:
    """A repository at a commit, from a platform. Each value may be unknown.

    no_branch  why there is no branch, most often a tag. Then git's branch is not used
    unsure     why the platform knows none, if git may
    foreign    the branch of a fork, which is none of the repository's
    commits    the new ones, as far as the platform knows them
    before     the commit that the branch was at before
    reverts    the commits that the new ones undo
    notes      lines for the log. The error about a missing commit has them, too
    """

    repo: str | None = None
    sha: str | None = None
    branch: str | None = None
    no_branch: str | None = None
    unsure: str | None = None
    foreign: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    before: str | None = None
    reverts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def but(self, **changes):
        """Return the target with other values."""
        return Target(**{**{name: getattr(self, name) for name in Target.__annotations__}, **changes})

@dataclass(frozen=True)
class Run:
    """The run of a pipeline that deployed.

    id       names it, the same at every attempt and for every reporter
    attempt  which attempt of it; None is the first
    named    what the ids of its deploys are made of: by default the run, and a later attempt
    """

    id: str
    attempt: str | None = None
    named: tuple[str, ...] = ()

    @property
    def parts(self):
        """What the ids of its deploys are made of: one text, or two."""
        return self.named or ((self.id, self.attempt) if self.attempt else (self.id,))

@dataclass(frozen=True)
class Facts:
    """What a platform knows about the running job.

    run          the run that deployed
    environment  its name on the platform, and `tier` what the platform says it is for
    pull         the open pull or merge request that the job is of
    status       the platform's word for the result, and `status_of` for what it is the result of
    skip         why the run deployed nothing
    remedy       what to do, besides setting an input, if the repository or the commit is unknown
    """

    targets: tuple[Target, ...] = (Target(),)
    run: Run | None = None
    environment: str | None = None
    tier: str | None = None
    pull: str | None = None
    url: str | None = None
    time: str | None = None
    status: str | None = None
    status_of: str = "the job"
    skip: str | None = None
    remedy: str = ""

class Variables:
    """The environment. A value that means no value is None."""

    def __init__(self, environ):
        self._environ = environ

    def first(self, *names):
        """Return the first of these variables that has a value."""
        return next((text for text in map(given, map(self._environ.get, names)) if text), None)

@dataclass(frozen=True)
class Deploys:
    """The deploys that a job made, at least one, and notes for the log."""

    platform: str
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()

@dataclass(frozen=True)
class Skipped:
    """There is nothing to report, for this reason."""

    reason: str
''')

_LATER["ci.userinfo"] = 856, r'''
# ci/userinfo.py
# Remove user names and passwords from addresses (RFC 3986, section 3.2.1).

# User and password with a scheme, also where a password has a raw slash, and without a scheme.
_USER = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@"

_SLASHED = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s@:]+:(?![0-9]*(?:[/?#]|$))[^\s@]*@"
_NAKED = r"^[^/@\s]*:[^@\s]*@(?=[^@\s/]+[/:])|^(?!git@)[^/@\s:]+@(?=[^@\s/:]+[/:])"

def without_user(address):
    """Return *address* without user name and password. These never leave the machine."""
    return without_users(address.strip())

def without_users(text):
    """Return *text* without the user names and passwords of the addresses in it.

    The `git@` of ssh is no secret, and stays.
    """
    return re.sub(r"\S+", lambda found: _bare(found[0]), text) if "@" in text else text

def _bare(word):
    # A password may hold a comma, so a whole address comes first, and then each part of a list.
    if "@" not in word:
        return word
    for pattern in (_USER, _SLASHED):
        word = re.sub(pattern, r"\1", word)
    return ",".join(part if "://" in part else re.sub(_NAKED, "", part) for part in word.split(","))
'''

_LATER["ci.input_forms"] = 886, r'''
# ci/input_forms.py
# The forms of inputs: what a commit, a time, a status, a type, an address and a repository look like.

@dataclass(frozen=True)
class Repository:
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None

def _time(text, _short):
    try:
        return text_of(parse(text, "time"))
    except ValueError as error:
        raise UsageError(str(error)) from None

def _status(text, _short):
    if text.lower() not in SUCCEEDED | FACTS_FAILED:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(text)}")
    return text

def _type(text, _short):
    if text not in DEPLOY_TYPES:
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(text)}")
    return text

FORMS = {
    "sha": lambda text, short: _commit_sha(text, "sha", short),
    "time": _time,
    "status": _status,
    "type": _type,
    "url": lambda text, _short: without_users(text),
}

def in_form(name, text, short):
    """Return an input as it is used; with *short*, the beginning of a SHA will do. Raises UsageError."""
    return FORMS[name](text, short)

def repositories(text, short):
    """Read `PATH` or `PATH@SHA`, several separated by spaces or commas. Raises UsageError."""
    # Users and passwords are removed before the text is split, because a password may hold a comma.
    parts, given_parts = (one.replace(",", " ").split() for one in (without_users(text), text))
    for part in filter(given, parts):
        # What had a user was an address, also without a scheme.
        yield _repository(part if part in given_parts or "://" in part else f"https://{part}", short)

def _repository(text, short):
    path, at, sha = filled_in("repo", text).partition("@")
    path = path.strip("/")
    if "://" in text or ":" in path or not all(path.split("/")) or "/" not in path:
        named = repo_of(text)
        remedy = f"; did you mean {named}" if named else ""
        raise UsageError(f"repo: expected a repository like larkspur/checkout-api, got {got(text)}{remedy}")
    return Repository(path, _commit_sha(sha, "repo", short) if at else None)

def _commit_sha(sha, where, short):
    name = full_sha(sha)
    if not name and short:
        text = given(sha)
        if text and SHA.accepts(text) and text.strip("0"):
            return text.lower()
        raise UsageError(f"{where}: expected a commit of {SHA.expected}, got {got(sha)}")
    if not name:
        raise UsageError(
            f"{where}: expected a commit of 40 or 64 hexadecimal digits, got {got(sha)}; "
            "git rev-parse prints them in full"
        )
    return name
'''

_now(957, r'''
# ci/inputs.py
# The inputs that a user set for a deploy. Wrong ones are refused.

# Read by `input_forms`, which most jobs do not need.
WITH_FORM = frozenset({"sha", "time", "status", "type", "url"})

@dataclass(frozen=True)
class Inputs:
    """The inputs that a user set. Build them with `make`, which refuses wrong values.

    `no_branch` says why the branch that was set is none, such as a tag's ref.
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
    no_branch: str | None = None

    @classmethod
    def make(cls, *, repos = (), **texts):
        """Read raw texts. *repos* holds `PATH` or `PATH@SHA`, several separated by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. A job knows its commit in full, so a SHA must be
        whole. Raises UsageError with a complaint for each wrong input.
        """
        return cls._read(repos, texts, short=False)

    @classmethod
    def _read(cls, repos, texts, *, short):
        read = {}
        complaints = []
        for name, text in texts.items():
            if name not in cls.__annotations__ or name in ("repos", "no_branch"):
                raise TypeError(f"Inputs has no input {name!r}")
            try:
                read[name] = filled_in(name, text)
                if read[name] and name in WITH_FORM:
                    _load("ci.userinfo", "ci.input_forms")
                    read[name] = in_form(name, read[name], short)
            except UsageError as error:
                complaints += error.complaints
        found = []
        for text in repos:
            try:
                if given(text):
                    _load("ci.userinfo", "ci.input_forms")
                    found += repositories(text, short)
            except UsageError as error:
                complaints += error.complaints
        if complaints:
            raise UsageError(*complaints)
        if read.get("branch"):
            branch = branch_of(read["branch"])
            if not branch:
                read["no_branch"] = f"{got(read['branch'])} was set, which is no branch"
            read["branch"] = branch
        return cls(repos=tuple(found), **read)

# events/dialect.py
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
        receiver = OURS,
        kinds = None,
        rename = None,
        drop = (),
        add = (),
        path = None,
        table = KINDS,
    ):
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

    def write(self, event):
        """Return *event* as the JSON object for this receiver."""
        body = {}
        for name, value in {**event.values, "kind": self.kinds.get(event.kind, event.kind)}.items():
            if name in self.names:
                body[self.names[name]] = value
        if self.receiver == OURS:
            body.update({name: value for name, value in event.extra.items() if name not in body})
        return body

    def dump(self, event):
        """Return *event* as a request body: compact JSON in UTF-8."""
        return json.dumps(self.write(event), ensure_ascii=False, separators=(",", ":")).encode()

# ci/report.py
# The report of a CI step on any platform: its outcome, lines for the log, and an exit code.

REPORTED, SKIPPED, DRY_RUN, REPORT_FAILED = "reported", "skipped", "dry-run", "failed"
DONE, NOT_DELIVERED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4

@dataclass(frozen=True)
class Attempted:
    """An event and the result of sending it. `code` is the exit code for this event alone.

    `message` is one line and never contains the key. `check` names the input that is probably wrong, or is
    empty. `note` is a further line for the log.
    """

    event: Event
    code: int
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""
    note: str = ""

@dataclass(frozen=True)
class Report:
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
    def ok(self):
        """Whether nothing went wrong: the deploy was reported or rightly skipped, or this was a dry run."""
        return self.code == DONE

def skipped(found):
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)

def dry_run(events, dialect, notes):
    """Return the report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event, dialect)}" for event in events)
    return Report(DRY_RUN, lines, payload=_payload(events, dialect), notes=tuple(notes))

def attempted(
    results,
    dialect,
    notes,
    warnings,
    names,
):
    """Return the report of events that were sent. Some of them may have failed.

    *names* maps our names of inputs to the platform's, if it has other names.
    """
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    return Report(
        outcome=REPORT_FAILED if failed else REPORTED,
        lines=tuple(
            _line(result, dialect, names) for result in [*(r for r in results if r not in failed), *failed]
        ),
        reason="; ".join(_line(result, dialect, names) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], dialect),
        notes=(*notes, *(result.note for result in results if result.note)),
        warnings=tuple(relabel(warning, names) for warning in warnings),
    )

def left_out(inputs, dialect):
    """Return a note about the inputs that were set and that the receiver does not get."""
    names = [
        name
        for name in ("service", "type", "fixes", "url")
        # A deploy of the usual type loses nothing.
        if getattr(inputs, name) not in (None, DEPLOY_TYPES[0]) and name not in dialect.names
    ]
    if not names:
        return []
    return [f"not sent: {', '.join(names)}, because the receiver takes the documented fields alone"]

def refused(error, names):
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
    return Report(REPORT_FAILED, (f"deploy not reported: {reason}",), reason, code)

def _line(result, dialect, names):
    what = _deploy(result.event, dialect)
    if result.code != DONE:
        check = f"; check {names.get(result.check, result.check)}" if result.check else ""
        return f"not reported: {what}: {result.message}{check}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {what}{again}"

def _deploy(event, dialect):
    """Describe an event for the log, by the fields that are sent."""
    kind, service, environment = (
        event.get(name) if name in dialect.names else None for name in ("type", "service", "environment")
    )
    parts = [
        kind or "deploy",
        "of",
        event.get("repo"),
        *([f"({service})"] if service else []),
        "at",
        event.get("commitSHA")[:7],
        *(["to", environment] if environment else []),
    ]
    return " ".join(parts)

def _payload(events, dialect):
    bodies = [dialect.write(event) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))
''')

_now(1248, r'''
# values/secret.py
# A secret that no log, message or pickle shows.

class Secret:
    """A key, token or signing secret. Only `reveal()` returns its text.

    Its repr hides the text, it cannot be pickled, and it compares in constant time.
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text, origin = ""):
        self._text = text
        # Where the secret was read from, such as "env PAGERDUTY_SECRET". Messages name this.
        self.origin = origin

    def reveal(self):
        """Return the text, for a header or a signature. Never put it into a message."""
        return self._text

    def matches(self, given):
        """Compare with *given* in constant time."""
        # A step compares no secret, and does not wait for the import.
        import hmac

        return hmac.compare_digest(self._text.encode(), given)

    def __repr__(self):
        return f"Secret({self.origin or '***'})"

    __str__ = __repr__

    def __bool__(self):
        return bool(self._text)

    def __eq__(self, other):
        return isinstance(other, Secret) and self.matches(other._text.encode())

    def __hash__(self):
        return hash((Secret, self._text))

    def __reduce__(self):
        raise TypeError("a secret is not pickled")

    def __format__(self, spec):
        return format(repr(self), spec)

def redact(text, *secrets):
    """Replace each of *secrets* in *text* by `***`. Use it on text that another program wrote."""
    for secret in secrets:
        plain = secret.reveal() if isinstance(secret, Secret) else secret
        if plain:
            text = text.replace(plain, "***")
    return text

# ci/settings.py
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
    "path",
    "webhook-url",
    "webhook-key",
    "receiver",
    "timeout",
    "retries",
    "dry-run",
    "fail-on-error",
)

INPUTS = (*DEPLOY_INPUTS, *STEP_INPUTS)
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")

@dataclass(frozen=True)
class Settings:
    """A step's settings. Build them with `make`."""

    inputs: Inputs
    path: str | None
    url: str | None
    key: Secret
    receiver: str
    timeout_seconds: float
    retries: int
    dry_run: bool

    @classmethod
    def make(cls, texts):
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
            path=given(texts.get("path")),
            url=given(texts.get("webhook-url")),
            key=key,
            receiver=receiver,
            timeout_seconds=_number(texts, "timeout", default=10.0, least=0.1, most=300),
            retries=int(_number(texts, "retries", default=3, least=0, most=10)),
            dry_run=dry_run,
        )

def flag(texts, name):
    """Read true or false. The default is false. Raises UsageError."""
    word = (given(texts.get(name)) or "false").lower()
    if word not in TRUE + FALSE:
        raise UsageError(f"{name}: expected true or false, got {got(word)}")
    return word in TRUE

def _receiver_of(key, dry_run):
    if key:
        return OURS if key.reveal().startswith(OUR_KEY_PREFIX) else DOCUMENTED
    return OURS if dry_run else DOCUMENTED

def _number(
    texts, name, *, default, least, most
):
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

# ci/console.py
# How a step meets its job. By default inputs are environment variables and the log is plain text.

PREFIX = "GITDAILIES_"
_TITLE = "GitDailies"

def variables(prefix = PREFIX):
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}

def texts(environ, prefix = PREFIX):
    """Return the raw text of each input, by name: from its variable, else from GITDAILIES_NAME."""
    own = variables()
    read = {name: environ.get(variable, "") for name, variable in variables(prefix).items()}
    return {name: text if text.strip() else environ.get(own[name], "") for name, text in read.items()}

def strict(inputs):
    """Whether an error fails the job. A wrong value means no; the report has an error about it."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False

def messages(report):
    """Return the log's messages about a report. A dry run also shows the payload."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.warnings, *report.lines, *payload]

def lines(report, fails):
    """Return the lines for the log. Many logs have no colors, so a word marks what went wrong.

    *fails* says whether an error fails the job.
    """
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    levels = {**dict.fromkeys(report.lines, level), **dict.fromkeys(report.warnings, "WARNING: ")}
    return [f"{_TITLE}: {levels.get(line, '')}{line}" for line in messages(report)]

def _no_masks(key):
    return []

def _no_files(report):
    return {}

def _not_written(name):
    return f"{_TITLE}: WARNING: {name}: expected a file to write to, got none"

def _green(environ):
    return 0

# The inputs keep the names that `settings` gives them.
SAME_NAMES = {}

@dataclass(frozen=True)
class Step:
    """How the step meets a platform's jobs. The defaults are those of a plain console.

    agent        names the step to the receiver
    no_key       ends the error about a missing key: where this platform keeps it
    folder       the variable that names the checkout; else git reads the current directory
    root         the variable that names the job's folder, if that is another one. Above it no checkout
                 is looked for
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
    root: str = ""
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
''')

_LATER["ci.git_facts"] = 1493, r'''
# ci/git_facts.py
# What a checkout's git knows about a deploy, as plain values.

@dataclass(frozen=True)
class GitFacts:
    """What the checkout knows about its HEAD.

    `commits` are without merges, and those that landed last come first. They are empty for a shallow
    clone, which lacks earlier commits. `history` has every known commit in the same order, as its name,
    its parents and the commits that it undoes.
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    history: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()

    def reverts_since(self, before):
        """Return what the commits after *before* undo. If that one is unknown, it is HEAD's first parent.

        Earlier reverts undid what earlier deploys brought, and were in these.
        """
        parents = {name: above for name, above, _ in self.history}
        first = parents.get(self.sha, ())[:1]
        known, waiting = set(), [before] if before in parents else [*first]
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting += parents.get(name, ())
        return reverts_of((name, undone) for name, _, undone in self.history if name not in known)
'''

_now(1529, r'''
# ci/table.py
# The parts of a platform: the table of its variables, and its marker; and the choice of one.

_TABLE_ORIGINS = {False: "", True: "comes from a fork", None: "may come from another repository"}

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

    def run_of(self, variables):
        """Return the job's run, and its attempt unless that is the first."""
        run = variables.first(*self.run)
        return Run(run, later_attempt(variables.first(*self.attempt))) if run else None

    def read(
        self,
        variables,
        *,
        targets = (),
        no_branch = None,
        fork = False,
        notes = (),
        **other,
    ):
        """Read every row. *other* replaces rows, even by None, and holds further values of `Facts`.

        A branch with the tag's name is the tag. A tag has no branch, and a fork none of ours: *fork* is
        whether the pull request is of one (None: unknown), or why.
        """
        rows = ("sha", "branch", "tag", "repo", "environment", "url", "status", "message")
        found = {
            row: other.pop(row, None) if row in other else self._row(variables, row) for row in rows
        }
        pull, number = other.pop("pull", True), self._row(variables, "pull")
        if isinstance(pull, bool):
            # Whether the row counts.
            pull = f"pull request {number}" if pull and number not in (None, "false") else None
        why = fork if isinstance(fork, str) else pull and _TABLE_ORIGINS[fork] and f"{pull} {_TABLE_ORIGINS[fork]}"
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
        rest = {"run": self.run_of(variables), "pull": pull, **other}
        if found["status"] == "running":
            found["status"] = None
        seen = {row: found[row] for row in ("environment", "url", "status")}
        return Facts(targets=targets or (own,), **seen, **rest)

    def _row(self, variables, row):
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
    def full_name(self):
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

# events/ids.py
# Event ids. The same deploy or incident gets the same id at every attempt and on every path.

_SELF_MADE = r"(deploy|incident|content)-[0-9a-f]{32}"

def is_self_made(id_):
    """Return whether an id has the form of those that are made here. Every other id is a user's."""
    return re.fullmatch(_SELF_MADE, id_) is not None

def deploy_id(
    *,
    platform,
    run,
    sha,
    repo,
    environment,
    service,
    type,
    attempt = None,
):
    """Return the id of a deploy.

    *attempt* names an attempt of the run that deployed again; None is the first one. Whether it was a
    deploy of its own, the receiver decides.
    """
    parts = [platform, run, sha.lower(), repo, environment, service, type or "deploy"]
    return _name("deploy", *parts, *([attempt] if attempt else []))

def _name(prefix, *parts):
    # As a JSON list, ("a", "bc") differs from ("ab", "c") and None differs from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"

# ci/deploy.py
# Find out which deploys a job made. A fact comes from an input, the event payload, a variable or git.

# From a checkout, enough for the runs that failed since the last deploy. The receiver drops what earlier
# deploys brought.
USUAL_COMMITS = 250

# A job of an open pull or merge request deploys to no environment that users see.
PREVIEW = "preview"

_DEPLOY_ELSEWHERE = "other"
_LONGEST_NAME = 200
_DEPLOY_NOTHING = Facts()

def resolve(
    platform,
    *,
    environ,
    event = None,
    inputs,
    git = None,
    call = "",
):
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
    )

def _unwanted(facts, status):
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
    def title(self):
        return self.platform.title if self.platform else "the environment"

    def chosen(self):
        """Return the repositories that the inputs name, each at its commit, or all of the job's own."""
        here = repo_of(self.git.remote) if self.git else None
        own = [t if t.repo else t.but(repo=here) for t in self.facts.targets]
        if self.inputs.repos:
            return [self._named(repository, own) for repository in self.inputs.repos]
        if self.inputs.sha and len(own) > 1:
            paths = ", ".join(target.repo or "?" for target in own)
            raise UsageError(
                f"sha: expected none for {len(own)} repositories ({paths}), got one; name each as PATH@SHA"
            )
        return [_at(target, self.inputs.sha) for target in own]

    def _named(self, repository, own):
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

    def with_git(self, target):
        """Fill in missing facts from the checkout if it is at the same commit.

        A whole checkout also knows the commits of runs that failed or were overtaken. A platform knows
        only those of its own run.
        """
        git = self.git
        if git is None or not git.sha.startswith(target.sha or ""):
            return target
        most = max(USUAL_COMMITS, len(target.commits))
        return target.but(
            sha=git.sha,
            branch=target.branch or (None if target.no_branch else git.branch),
            commit_time=target.commit_time or git.commit_time,
            commits=git.commits[:most] or target.commits,
            reverts=tuple(dict.fromkeys([*target.reverts, *git.reverts_since(target.before)])),
        )

    @property
    def environment(self):
        return self.inputs.environment or self.facts.environment or (PREVIEW if self.facts.pull else None)

    def event(self, target):
        """Return the event of *target*."""
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
            raise UsageError(*(missing[:1] if self.platform else missing))
        repo, sha = target.repo or "", target.sha or ""
        environment = self.environment
        commits = list(target.commits[:MOST_COMMITS])
        name = self.platform.full_name if self.platform else _DEPLOY_ELSEWHERE
        return Event.make(
            DEPLOYED,
            repo=repo,
            commitSHA=sha,
            environment=environment,
            branch=self._branch(target),
            time=inputs.time or facts.time,
            id=self._id(repo, sha, environment),
            service=inputs.service,
            run=f"{name}:{_short(facts.run.id)}" if facts.run else None,
            attempt=_short(facts.run.attempt) if facts.run and facts.run.attempt else None,
            reporter=f"step/{name}",
            # It is known of the platform's environment, not of another one that was set.
            tier=facts.tier if environment == facts.environment else None,
            type=inputs.type,
            url=inputs.url or _shown(facts.url),
            commits=commits or None,
            commitTime=None if commits else target.commit_time,
            fixes=inputs.fixes,
            reverts=list(target.reverts[:MOST_REVERTS]) or None,
        )

    def _branch(self, target):
        if self.inputs.no_branch:
            return None
        # A job may set the branch of its event. For a fork that is not one of the repository's.
        return target.branch if self.inputs.branch in (None, target.foreign) else self.inputs.branch

    def notes(self, target):
        """Return what is not obvious about the event of *target*: where it comes from, what it lacks."""
        notes = list(target.notes)
        why = self.inputs.no_branch or target.no_branch or target.unsure
        if why and not self._branch(target):
            notes.append(f"no branch: {why}")
        if not self.environment:
            notes.append("environment: none is named, so the deploy counts as production")
        elif not (self.inputs.environment or self.facts.environment):
            notes.append(f"environment: {PREVIEW}, because the job is of {self.facts.pull} and names none")
        if len(target.commits) > MOST_COMMITS:
            notes.append(f"commits: the newest {MOST_COMMITS} of {len(target.commits)}")
        return notes

    def _missing(self, name, target, what):
        return (
            f"{name}: expected {what}, got nothing from {self.title} or git; set it"
            + (f", {self.facts.remedy}" if self.facts.remedy else "")
            + (f" ({'; '.join(target.notes)})" if target.notes else "")
        )

    def _id(self, repo, sha, environment):
        platform = self.platform.word if self.platform else ""
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

def _at(target, sha):
    # The branch and the commits belong to the platform's commit. For another one they are unknown.
    if sha in (None, target.sha):
        return target
    if target.sha is None:
        return target.but(sha=sha, notes=())
    return Target(repo=target.repo, sha=sha, no_branch="the commit was set by hand")

def _short(name):
    # Names of jobs in folders may be long. Their ends tell runs apart.
    return name[-_LONGEST_NAME:]

def _shown(url):
    # A wrong address of the platform is left out. It is no reason to fail.
    address = (url or "").strip()
    if "@" in address:
        _load("ci.userinfo")
        address = without_users(address)
    return address if URL.accepts(address) and not address.endswith("://") else None
''')

_LATER["ci.git_log"] = 1907, r'''
# ci/git_log.py
# Read facts about the deploy from a checkout's git: which commits it brought, and what nothing else tells.

# Twice as many as are sent, because merges are left out.
_MOST_READ = 2 * MOST_COMMITS

_LONGEST_SECONDS = 10
_BRANCHES = "refs/heads/"
_OWNED_BY_ANOTHER = ("unsafe repository", "dubious ownership")

@dataclass(frozen=True)
class Found:
    """What is known of a checkout, or the reason in words for the log."""

    facts: GitFacts | None = None
    problem: str = ""

def read(directory):
    """Read HEAD, its branch, its remote and earlier commits.

    In a shallow clone earlier commits are unknown, because they were not fetched.
    """
    form = (f"--max-count={_MOST_READ}", "-z", "--topo-order", _FORMAT)
    text, problem = _git(directory, "log", *form, *_since(directory))
    rows = [row.split("\n", 3) for row in text.split("\0") if row.count("\n") >= 3]
    if not rows:
        return Found(problem=problem)
    sha, commit_time = rows[0][0], rows[0][1]
    entries = [commit(name, time) for name, time, parents, _ in rows if " " not in parents]
    said, _ = _git(directory, "rev-parse", "--is-shallow-repository", "--symbolic-full-name", "HEAD")
    shallow, _, ref = said.partition("\n")
    return Found(
        GitFacts(
            sha=sha,
            branch=ref[len(_BRANCHES) :] if ref.startswith(_BRANCHES) else None,
            remote=_git(directory, "config", "--get", "remote.origin.url")[0] or None,
            commit_time=readable_time(commit_time),
            # An older git does not know the question, and prints it.
            commits=tuple(entry for entry in entries if entry)[:MOST_COMMITS] if shallow == "false" else (),
            history=tuple(
                (name, tuple(above.split()), undone_by(message)) for name, _, above, message in rows
            ),
        )
    )

def head(directory):
    """Return the commit that is checked out, or ""."""
    return _git(directory, "rev-parse", "HEAD")[0]

# Name, time and parents, each on a line, and the message. No message holds a zero byte.
_FORMAT = "--format=%H%n%cI%n%P%n%B"

def _since(directory):
    """Return the range of commits that landed on the branch last, as git's arguments.

    By their times, old commits of a branch that was just merged would come after hundreds of newer ones,
    and be cut off: the slowest ones. So the range goes by what landed.
    """
    skipped = f"--skip={USUAL_COMMITS}"
    first = _git(directory, "rev-list", "--first-parent", skipped, "--max-count=1", "HEAD")[0]
    return ["HEAD", f"^{first}"] if first else ["HEAD"]

def _git(directory, *arguments):
    """Return what git prints and, if it fails, why, in words for the log. One of them is empty."""
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
            env={**os.environ, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1"},
        )
    except subprocess.TimeoutExpired:
        return "", f"no commits: git took longer than {_LONGEST_SECONDS} s"
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
'''

_LATER["values.hosts"] = 2001, r'''
# values/hosts.py
# Whether a host is on this machine or in a private network, by its name or address alone. Pure.

from ipaddress import ip_address, ip_network

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

def is_private(host):
    """Whether *host* is this machine or in a private network. A name without a dot is."""
    name = host.strip("[]").rstrip(".").lower().partition("%")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return name.endswith(_PRIVATE_NAMES) or not ("." in name or ":" in name)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network) for network in _NETWORKS)
'''

_LATER["ci.receiver"] = 2037, r'''
# ci/receiver.py
# The receiver of a step's events: where it is, and what it answers.

from urllib.parse import urlsplit, urlunsplit
TIMEOUT_SECONDS = 10.0
RETRIES = 3

# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0

_LONGEST_KEY = 1000
_LONGEST_MESSAGE = 300
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"

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
        url,
        key,
        dialect,
        agent,
        timeout_seconds = TIMEOUT_SECONDS,
        retries = RETRIES,
        longest_seconds = LONGEST_SECONDS,
    ):
        """Check the address and the key. Spaces and line ends around them are removed.

        Raises UsageError. It shows neither the key nor a user name in the address.
        """
        parts = _address(url.strip())
        if dialect.path is not None:
            parts = parts._replace(path=dialect.path)
        plain = key.reveal().strip()
        if not _visible(plain) or len(plain) > _LONGEST_KEY:
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
class Answer:
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
    def is_taken(self):
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300 and not self.page

def shown(text, key):
    """Return what a receiver said as one short line without the key."""
    line = redact(text, key).strip()
    if not line.isprintable():
        line = re.sub(_CONTROL, " ", line).strip()
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"

def warning_about(url):
    """Return a warning if the key goes to *url* readable for everyone on the way, or ""."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return ""
    _load("values.hosts")
    if is_private(parts.hostname or ""):
        return ""
    return "webhook-url: http sends the key and the deploys unencrypted; use https"

def _address(url):
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        # Reading the port raises ValueError if it is not a number.
        usable = plain and parts.port != 0 and _visible(url)
    except ValueError:
        usable = False
    if not usable:
        _load("ci.userinfo")
        raise UsageError(
            f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
        )
    return parts

def _visible(text):
    """Whether *text* is of ASCII characters that are seen, and of one at least."""
    return text.isascii() and text.isprintable() and " " not in text and text != ""
'''

_LATER["ci.proxy"] = 2155, r'''
# ci/proxy.py
# The proxy that the environment names: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

import base64
import urllib.request
from urllib.parse import unquote, urlsplit

def proxy_of(parts):
    """Return the address of the proxy that the environment names for *parts*, or None.

    Raises ValueError, which names the variable, for a proxy that does not take plain HTTP.
    """
    proxies = urllib.request.getproxies_environment()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(name)
    if not address or urllib.request.proxy_bypass_environment(parts.netloc, proxies):
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
    proxy, connection, url, target, headers
):
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

def named(proxy):
    """Name a proxy without its user and password."""
    return f"the proxy {proxy.hostname}:{proxy.port or 80}"
'''

_LATER["retry"] = 2206, r'''
# retry.py
# Decide what to do after a delivery attempt: done, retry, pause or give up. Pure.

from email.utils import parsedate_to_datetime
AGAIN_STATUSES = frozenset({408, 425, 429})
KEY_STATUSES = frozenset({401, 403})
ADDRESS_STATUSES = frozenset({404, 405, 410})

# Payment, the proxy's sign-in, a lock, a failed dependency, legal reasons: none is about an event.
RECEIVER_STATUSES = frozenset({402, 407, 423, 424, 451})

# What a pause waits for. These are values of the relay's store, of JSON and of metrics.
KEY, ADDRESS, RECEIVER = "key", "address", "receiver"

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 300.0

# A Retry-After of years must not stop deliveries, so we wait at most an hour for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0

GIVE_UP_AGE_SECONDS = 7 * 86400.0

# An age alone may come from a clock that was wrong for a moment. So many attempts take minutes.
LEAST_ATTEMPTS = 10

@dataclass(frozen=True)
class Outcome:
    """The result of one attempt: an HTTP status, or None with the `error` when no answer came.

    `is_html` says that the answer is a 2xx with a web page (`html_answer`). `answer` is the beginning
    of its body, on one line and without secrets, where a person may want to see it.
    """

    status: int | None
    error: str = ""
    retry_after: str = ""
    is_html: bool = False
    answer: str = ""

    # What is only shown to people makes no other outcome.
    def __eq__(self, other):
        return isinstance(other, Outcome) and self._deciding() == other._deciding()

    def __hash__(self):
        return hash(self._deciding())

    def _deciding(self):
        return (self.status, self.error, self.retry_after, self.is_html)

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
    """Send nothing until that changes. `what` is KEY, ADDRESS or RECEIVER."""

    what: str
    reason: str

@dataclass(frozen=True)
class GiveUp:
    """The receiver will never accept this event. It becomes a dead letter with this reason."""

    reason: str

def decide(
    outcome,
    *,
    attempt,
    first_attempt_at,
    now,
    jitter,
    give_up_age_seconds = GIVE_UP_AGE_SECONDS,
):
    """Decide after attempt number *attempt*, counted from 1. *jitter* returns a number in [0, 1).

    The age counts from the first attempt, not from when the event was stored. Waiting for
    earlier events is not a failure.
    """
    status = outcome.status
    result = describe(outcome)
    if status is not None:
        if 200 <= status < 300 and not outcome.is_html:
            return Done()
        if status in KEY_STATUSES:
            return Pause(KEY, f"the key is refused ({result})")
        if outcome.is_html or status in ADDRESS_STATUSES or 300 <= status < 400:
            return Pause(ADDRESS, f"the address is wrong ({result})")
        if status in RECEIVER_STATUSES:
            return Pause(RECEIVER, f"the receiver takes no events ({result})")
        if is_answer(outcome):
            return GiveUp(result)
    age_seconds = (now - first_attempt_at).total_seconds()
    if attempt >= LEAST_ATTEMPTS and age_seconds >= give_up_age_seconds:
        return GiveUp(f"given up after {attempt} attempts in {give_up_age_seconds / 86400:g} days: {result}")
    return Again(
        now + timedelta(seconds=delay_seconds(outcome, attempt=attempt, now=now, jitter=jitter)), result
    )

def describe(outcome):
    """Return what was answered, as a short text."""
    if outcome.status is None:
        return outcome.error or "no answer"
    page = " with a web page" if outcome.is_html else ""
    return f"answered {outcome.status}{page}{f': {outcome.error}' if outcome.error else ''}"

def is_answer(outcome):
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return outcome.status is not None and outcome.status < 500 and outcome.status not in AGAIN_STATUSES

def delay_seconds(outcome, *, attempt, now, jitter):
    """Full jitter under an exponential bound, but at least Retry-After, which counts up to an hour."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(outcome.retry_after, now))

def retry_after_seconds(value, now):
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
'''

_LATER["ci.undelivered"] = 2345, r'''
# ci/undelivered.py
# What follows from an attempt whose event was not taken: another attempt, or the end with a reason.

from urllib.parse import urlsplit
_CONFLICT = 409

# Which input is probably wrong.
_CHECK = {KEY: "webhook-key", ADDRESS: "webhook-url"}

def after(
    event,
    answer,
    receiver,
    attempt,
    *,
    since,
    now,
    until,
):
    """Return when to try again, or how the sending ended.

    *attempt* counts from 1, and the first was made at *since*.
    """
    verdict = decide(
        Outcome(answer.status, answer.message, answer.retry_after, answer.page),
        attempt=attempt,
        first_attempt_at=since,
        now=now,
        jitter=_jitter,
    )
    assert not isinstance(verdict, Done)  # `send` returned before

    def ended(code, message, **more):
        return Attempted(event, code, answer.status, attempt, message, **more)

    if answer.status == _CONFLICT and event.id and is_self_made(event.id):
        # Such an id names one deploy, whatever else an attempt says of it.
        note = f"the receiver has {event.id} already, with other content, and keeps the first"
        return ended(DONE, answer.message, unchanged=True, note=note)
    if isinstance(verdict, Pause):
        code = REFUSED if verdict.what == KEY else NOT_DELIVERED
        return ended(code, verdict.reason, check=_CHECK.get(verdict.what, ""))
    if not isinstance(verdict, Again):
        return ended(REFUSED, verdict.reason)
    if attempt > receiver.retries or answer.final or verdict.at >= until:
        attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
        later = ""
        if answer.retry_after and verdict.at >= until:
            later = f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
        return ended(NOT_DELIVERED, f"{verdict.reason} ({attempts}){later}")
    return verdict.at

def no_answer(receiver, seconds, proxy):
    """Return that nothing came within *seconds*."""
    through = f", through {named(proxy)}" if proxy else ""
    return Answer(None, f"{urlsplit(receiver.url).netloc}{through}: no answer within {seconds:g} s")

def unanswered(error, receiver, proxy, *, connected):
    """Return why there is no answer. A proxy that is not *connected* is at fault."""
    where = urlsplit(receiver.url).netloc
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name, so that this module need not import ssl.
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

def _jitter():
    import random

    return random.random()
'''

_LATER["html_answer"] = 2429, r'''
# html_answer.py
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

def is_html(content_type, body_start):
    """Return whether an answer is a web page, by its Content-Type header or by how its body begins.

    Without a body it is none, and JSON is none, whatever the header says: some servers call every
    answer HTML.
    """
    text = _html_answer_text(body_start[:_LOOKED_AT])
    rest = text.lstrip()
    if rest.startswith("<"):
        before = re.match(_BEFORE, text, re.DOTALL)
        rest = text[before.end() :] if before else text
        if re.match(_PAGE, rest, re.IGNORECASE) or (not rest and "<!--" in text):
            return True
    kind = content_type.partition(";")[0].partition(",")[0].strip().lower()
    return kind in _TYPES and bool(rest) and rest[0] not in "{["

def _html_answer_text(body):
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode("utf-8", "replace")
'''

_LATER["ci.sender"] = 2471, r'''
# ci/sender.py
# Send events by POST, with the standard library alone, because a CI step installs nothing.

import _thread
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit, urlunsplit

_LONGEST_ANSWER_BYTES = 64 * 1024
_PROXY_ASKS = 407

def send_all(events, receiver):
    """Send *events* in order. `longest_seconds` applies to all of them together."""
    until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
    return [send(event, receiver, until=until) for event in events]

def send(
    event,
    receiver,
    *,
    until = None,
    now = lambda: datetime.now(timezone.utc),
    wait = time.sleep,
):
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    *until* is the time at which a caller that sends several events gives up.
    """
    first_attempt_at = now()
    until = until or first_attempt_at + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        if answer.is_taken:
            body = answer.body if isinstance(answer.body, dict) else {}
            unchanged = body.get("status") == "unchanged"
            return Attempted(event, DONE, answer.status, attempt, answer.message, unchanged=unchanged)
        # Most events are taken at once.
        _load("ci.receiver", "ci.proxy", "retry", "ci.undelivered")
        found = after(event, answer, receiver, attempt, since=first_attempt_at, now=now(), until=until)
        if isinstance(found, Attempted):
            return found
        wait(max((found - now()).total_seconds(), 0.0))

@dataclass(frozen=True)
class _Fault:
    """Why there is no response, and whether there was a connection."""

    error: Exception
    connected: bool

def _bounded_post(event, receiver, seconds):
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte. A
    # thread waits for both, and does nothing else, because it may run on after that.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    proxy = None
    ended = []
    try:
        if any(name.lower().endswith("_proxy") for name in os.environ):
            _load("ci.proxy")
            proxy = proxy_of(urlsplit(receiver.url))
    except ValueError as error:
        ended.append(_Fault(error, connected=False))
    else:
        running = _thread.allocate_lock()
        running.acquire()

        def attempt():
            try:
                ended.append(_post(event, receiver, proxy))
            finally:
                running.release()

        # `threading` is slow to import.
        _thread.start_new_thread(attempt, ())
        running.acquire(timeout=seconds)
    found = ended[0] if ended else None
    if isinstance(found, tuple):
        return _answered(*found, receiver, proxy)
    _load("ci.receiver", "ci.proxy", "retry", "ci.undelivered")
    if found is None:
        return no_answer(receiver, seconds, proxy)
    return unanswered(found.error, receiver, proxy, connected=found.connected)

def _post(event, receiver, proxy):
    headers = {
        "Content-Type": "application/json",
        "User-Agent": receiver.agent,
        KEY_HEADER: receiver.key.reveal(),
    }
    if event.id:
        headers[ID_HEADER] = event.id
    connected = False
    parts = urlsplit(receiver.url)
    at = proxy or parts
    port = at.port or (80 if proxy else None)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(at.hostname or "", port, timeout=receiver.timeout_seconds)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy:
            _load("ci.proxy")
            target = through(proxy, connection, receiver.url, target, headers)
        try:
            connection.connect()
            connected = True
            connection.request("POST", target, receiver.dialect.dump(event), headers)
            with connection.getresponse() as response:
                try:
                    body = response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    body = b""
                return response, body
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return _Fault(error, connected)

def _answered(response, raw, receiver, proxy):
    status, retry_after = response.status, response.getheader("Retry-After", "")
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    page = False
    if not isinstance(body, (dict, list)):
        _load("html_answer")
        page = is_html(response.getheader("Content-Type", ""), raw)
    if page:
        # Its tags say nothing to a reader of the log.
        taken = 200 <= status < 300
        return Answer(status, "" if taken else "a web page", retry_after, page=taken)
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    message = shown(str(detail or text), receiver.key)
    if status == _PROXY_ASKS and proxy:
        _load("ci.proxy")
        message = f"{named(proxy)} asks for a user and a password"
    return Answer(status, message, retry_after, body)
'''

_LATER["ci.workflow_commands"] = 2616, r'''
# ci/workflow_commands.py
# Write a report as GitHub's runner reads it: commands in the log, outputs, and a summary.

_HEADING = "GitDailies"
_MARKS = {REPORTED: "✅", SKIPPED: "⏭️", DRY_RUN: "📝", REPORT_FAILED: "⚠️"}
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>()#+!|~"})

def masks(key):
    """Return the commands that keep the key out of the log. The runner masks each line by itself."""
    lines = [line.strip() for line in key.splitlines()]
    return [f"::add-mask::{_data(line)}" for line in lines if line]

def commands(report, fails):
    """Return the lines for the log. Notes, problems and a skip become annotations.

    A foreign text, such as a receiver's answer, is only written into the data of a command. The runner
    does not look for a command there.
    """
    notices = [f"::notice title={_HEADING}::{_data(note)}" for note in report.notes]
    notices += [f"::warning title={_HEADING}::{_data(warning)}" for warning in report.warnings]
    if report.ok and report.outcome != SKIPPED:
        return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
    level = "notice" if report.ok else "error" if fails else "warning"
    return notices + [f"::{level} title={_HEADING}::{_data(line)}" for line in report.lines]

def files(report):
    """Return the texts to append to the runner's files, by the variable that names the file."""
    return {"GITHUB_OUTPUT": outputs(report), "GITHUB_STEP_SUMMARY": summary(report)}

def not_written(name):
    return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"

def outputs(report):
    """Return the lines for GITHUB_OUTPUT, one for each value."""
    values = {
        "ok": "true" if report.ok else "false",
        "outcome": report.outcome,
        "reason": report.reason,
        "http-status": "" if report.http_status is None else str(report.http_status),
        "payload": report.payload,
    }
    return "".join(f"{name}={_one_line(value)}\n" for name, value in values.items())

def summary(report):
    """Return the Markdown for GITHUB_STEP_SUMMARY."""
    lines = [f"{_MARKS[report.outcome]} **{_HEADING}**: {_markdown(line)}" for line in report.lines]
    return (
        "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in (*report.warnings, *report.notes))]) + "\n"
    )

def _data(text):
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

def _harmless(text):
    # The runner still reads commands in their old form, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")

def _one_line(text):
    return " ".join(text.splitlines())

def _markdown(text):
    return _one_line(text).translate(_MARKDOWN)
'''

_LATER["ci.github_events"] = 2681, r'''
# ci/github_events.py
# Events of GitHub Actions whose payload names the deploy. Source: "Events that trigger workflows".

@dataclass(frozen=True)
class Payload:
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

PAYLOADS = {
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
    # GITHUB_REF is gh-readonly-queue/main/pr-7-…
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

def facts_of(
    name, payload, *, ref, repo, own
):
    """Return the values for `Facts` and `Target` that a payload has, or None if the variables have them.

    *name* is the event, and *ref*, *repo* and *own* are the ref, the repository and the run of the job.
    """
    if name in PAYLOADS:
        return _from_payload(name, payload, ref, repo, own)
    if name.startswith(_PULL_REQUEST):
        return _pull_request(name, payload, ref)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        return _comment(payload)
    return None

def _from_payload(
    name, payload, ref, repo, own
):
    row = PAYLOADS[name]
    sha = full_sha(at(payload, row.sha))
    if not at(payload, row.sha):
        return {"notes": _missing(name)}
    head = branch_of(at(payload, row.branch))
    found = {"branch": head}
    if name.startswith("deployment"):
        found["branch"] = branch_of(ref)
        found["tier"] = _tier(payload)
    elif _foreign(name, payload, repo):
        found = {"foreign": head or name, "no_branch": f"{name} belongs to another repository"}
    elif at(payload, f"{name}.event") == "release":
        found = {"no_branch": f"{name} belongs to a release, and {head} is a tag"}
    elif head and _may_be_tag(name, payload, head):
        found = {"unsure": f"{name} does not tell whether {head} is a branch or a tag"}
    return dict(
        sha=sha,
        commit_time=readable_time(at(payload, row.commit_time)),
        reverts=undone_by(at(payload, row.message)),
        run=_github_events_run(row, payload, own),
        environment=at(payload, row.environment),
        time=readable_time(at(payload, row.time)),
        url=at(payload, row.url),
        # Only its pull requests start runs of a fork here.
        pull="a pull request" if found.get("foreign") else _open_pull(name, payload, head),
        # Without a conclusion it has not succeeded yet.
        status=(at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
        **found,
    )

def _github_events_run(row, payload, own):
    """Return the run that the payload names, else the job's own.

    A job that is started by a workflow's end may be the one that deploys. Its own attempt is then that of
    the deploy. A job on `deployment_status` deploys nothing, so its attempts are those of a report.
    """
    run = at(payload, row.run)
    if not run:
        return own
    again = own.attempt if own and not row.time else None
    attempt = later_attempt(at(payload, row.attempt))
    if again:
        attempt = f"{attempt or 1}.{again}" if row.attempt else again
    deployment = at(payload, row.deployment)
    if deployment:
        return Run(run, attempt, (deployment, again) if again else (deployment,))
    return Run(run, attempt)

def _tier(payload):
    """Return the tier of a deployment. GitHub only tells production from everything else."""
    deployment = payload.get("deployment")
    known = isinstance(deployment, dict) and deployment.get("production_environment") is True
    moved = at(payload, "deployment_status.environment") or at(payload, "deployment.environment")
    return "production" if known and moved == at(payload, "deployment.environment") else None

def _foreign(name, payload, own):
    origin = at(payload, f"{name}.head_repository.full_name")
    about = payload.get(name)
    # A fork that was deleted since is null.
    gone = isinstance(about, dict) and "head_repository" in about and about["head_repository"] is None
    return gone or bool(origin and own and origin.lower() != own.lower())

def _may_be_tag(name, payload, branch):
    if branch == at(payload, "repository.default_branch") or not re.match(_MAYBE_TAG, branch):
        return False
    return (at(payload, f"{name}.event") or "push") in _OF_TAGS

def _open_pull(name, payload, branch):
    """Return the open pull request whose checks or workflow run started the job, or None."""
    about = payload.get(name)
    if not isinstance(about, dict) or name not in ("workflow_run", "check_suite", "check_run"):
        return None
    event = at(payload, f"{name}.event") or ""
    listed = about.get(_PULL_REQUEST + "s")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    number = at(first, "number")
    if event.startswith(_PULL_REQUEST):
        return f"pull request {number}" if number else "a pull request"
    # The checks of a branch list the pull requests from it. The default branch has one to a branch that
    # is released.
    if name == "workflow_run" or not number or branch == at(payload, "repository.default_branch"):
        return None
    return f"pull request {number}"

def _comment(payload):
    """Read a comment on a pull request. GITHUB_SHA is the default branch's tip, and no commit is named."""
    merged = at(payload, "issue.pull_request.merged_at")
    return dict(
        no_branch="a comment on a pull request started the run",
        notes=("a comment on a pull request does not tell the pull request's commit",),
        pull=None if merged else f"pull request {at(payload, 'issue.number') or ''}".strip(),
    )

def _pull_request(name, payload, ref):
    number = at(payload, "pull_request.number")
    if not number:
        # The ref of a merged one is the branch that it was merged into.
        merged = name == _PULL_REQUEST and ref.startswith("refs/heads/")
        return {"notes": _missing(name), "pull": None if merged else "a pull request"}
    pull = f"pull request {number}"
    if at(payload, "pull_request.merged_at") or payload["pull_request"].get("merged") is True:
        return dict(
            sha=full_sha(at(payload, "pull_request.merge_commit_sha")),
            branch=branch_of(at(payload, "pull_request.base.ref")),
            notes=(f"the commit that {pull} was merged as",),
        )
    head, base = (
        at(payload, "pull_request.head.repo.full_name"),
        at(payload, "pull_request.base.repo.full_name"),
    )
    branch = branch_of(at(payload, "pull_request.head.ref"))
    fork = f"{pull} comes from another repository" if head != base else None
    closed = at(payload, "pull_request.state") == "closed"
    return dict(
        sha=full_sha(at(payload, "pull_request.head.sha")),
        branch=None if fork else branch,
        foreign=branch if fork else None,
        no_branch=fork,
        notes=(f"the head of {pull}, not the merge commit that the run is of",),
        pull=pull,
        skip=f"{pull} was closed without being merged" if closed else None,
    )

def _missing(name):
    return (f"the payload of {name}, which tells it, was not found at GITHUB_EVENT_PATH",)
'''

_LATER["ci.platforms.github_actions"] = 2921, r'''
# ci/platforms/github_actions.py
# GitHub Actions. Sources: its "Variables", "Contexts" and "Events that trigger workflows" references.

GITHUB_ACTIONS_TABLE = Table(
    run=("GITHUB_RUN_ID",),
    attempt=("GITHUB_RUN_ATTEMPT",),
    sha=("GITHUB_SHA",),
    # GITHUB_REF_NAME may also be a tag, or 7/merge for a pull request.
    branch=("GITHUB_REF",),
    repo=("GITHUB_REPOSITORY",),
    # No variable has the job's status; the action passes job.status. No variable or context has the
    # job's environment (actions/runner issue 1369).
    status=("GITDAILIES_JOB_STATUS",),
)

# The variables name the commit of these, and of some others.
_BY_VARIABLES = ("push", "workflow_dispatch", "schedule", "repository_dispatch")

# How git and GitHub begin the message of a merge. `checkout` leaves merges out, too.
_MERGES = ("Merge pull request #", "Merge branch '", "Merge remote-tracking branch '", "Merge tag '")

def _github_actions_read(variables, event):
    name, payload = variables.first("GITHUB_EVENT_NAME") or "", event if isinstance(event, dict) else {}
    if name not in _BY_VARIABLES:
        # Most jobs are not of such an event, and do not wait for the module.
        _load("ci.github_events")
        ref, repo = variables.first(*GITHUB_ACTIONS_TABLE.branch), variables.first(*GITHUB_ACTIONS_TABLE.repo)
        known = facts_of(name, payload, ref=ref or "", repo=repo, own=GITHUB_ACTIONS_TABLE.run_of(variables))
        if known is not None:
            return _facts(variables, **known)
    sha = full_sha(variables.first(*GITHUB_ACTIONS_TABLE.sha))
    branch = branch_of(variables.first(*GITHUB_ACTIONS_TABLE.branch))
    if name == "delete" or (name == "push" and _deletes(payload)):
        return _facts(variables, sha=sha, branch=branch, skip="the branch or tag of the run was deleted")
    if name != "push" or at(payload, "after") != sha:
        return _facts(variables, sha=sha, branch=branch)
    return _facts(variables, sha=sha, branch=branch, **_pushed(payload))

def _deletes(payload):
    after = at(payload, "after") or ""
    return payload.get("deleted") is True or (bool(after) and not after.strip("0"))

def _pushed(payload):
    """Return what a push brought. A new branch and a tag list no commits."""
    pushed = payload.get("commits")
    # The payload has the oldest first.
    listed = [item for item in reversed(pushed) if isinstance(item, dict)] if isinstance(pushed, list) else []
    entries = [
        commit(item.get("id"), item.get("timestamp"))
        for item in listed
        # Only the message shows a merge.
        if not str(item.get("message")).startswith(_MERGES)
    ]
    head = payload.get("head_commit")
    known = [*listed, *([head] if isinstance(head, dict) and not listed else [])]
    return {
        "commits": tuple(entry for entry in entries if entry),
        "commit_time": readable_time(at(payload, "head_commit.timestamp")),
        "reverts": reverts_of((item.get("id"), undone_by(item.get("message"))) for item in known),
        "before": full_sha(at(payload, "before")),
    }

# What `_facts` takes for the target. The rest belongs to the job.
_OF_TARGET = ("sha", "branch", "unsure", "foreign", "commit_time", "commits", "before", "reverts", "notes")

def _facts(
    variables, *, no_branch = None, url = None, **known
):
    repo, own_run = variables.first(*GITHUB_ACTIONS_TABLE.repo), variables.first(*GITHUB_ACTIONS_TABLE.run)
    server = variables.first("GITHUB_SERVER_URL")
    if variables.first("GITEA_ACTIONS", "FORGEJO_ACTIONS"):
        # Their pages are numbered.
        own_run = variables.first("GITHUB_RUN_NUMBER")
    if server and repo and own_run:
        url = url or f"{server}/{repo}/actions/runs/{own_run}"
    of_target = {name: known.pop(name) for name in _OF_TARGET if name in known}
    if known.get("status") is None:
        known["status"] = variables.first(*GITHUB_ACTIONS_TABLE.status)
    tag = tag_of(variables.first(*GITHUB_ACTIONS_TABLE.branch))
    if tag and not of_target.get("branch"):
        no_branch = no_branch or f"the run is of tag {tag}"
    target = Target(repo=repo, no_branch=no_branch, **of_target)
    return GITHUB_ACTIONS_TABLE.read(variables, targets=(target,), url=url, **known)

def github_actions_inputs(environ):
    """Return the raw text of each input, by name. The action passes it as INPUT_NAME."""
    return texts(environ, "INPUT_")

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
    name="github-actions",
)
'''

_LATER["ci.platforms.circleci"] = 3035, r'''
# ci/platforms/circleci.py
# CircleCI. Sources: its "Project values and variables" and "Pipeline values" references.

CIRCLECI_TABLE = Table(
    # A workflow that runs again gets a new id, but keeps its pipeline.
    run=("PIPELINE_ID", "CIRCLE_PIPELINE_ID"),
    sha=("PIPELINE_GIT_REVISION", "CIRCLE_SHA1"),
    # Not set if the pipeline builds a tag.
    branch=("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH"),
    tag=("PIPELINE_GIT_TAG", "CIRCLE_TAG"),
    repo_url=("CIRCLE_REPOSITORY_URL",),
    url=("CIRCLE_BUILD_URL",),
    status=("GITDAILIES_JOB_STATUS",),
    pull=("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS"),
)

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

def _circleci_read(variables, event):
    repo = None
    for pair in _OWNER_AND_NAME:
        owner, name = map(variables.first, pair)
        if owner and name:
            repo = f"{owner}/{name}"
            break
    branch = variables.first(*CIRCLECI_TABLE.branch)
    forked = re.match(_FORK, branch or "")
    # Only jobs of forked pull requests have its number as a variable.
    number = forked[1] if forked else variables.first("CIRCLE_PR_NUMBER")
    page = (variables.first("CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS") or "").split(",")[0].rstrip("/")
    # A branch that has an open pull request, other than the one that others are merged into.
    pull = number or (page.rpartition("/")[2] if branch and branch not in _TRUNKS else None)
    return CIRCLECI_TABLE.read(
        variables,
        repo=repo,
        run=_circleci_run(variables),
        pull=f"pull request {pull}" if pull else None,
        fork=f"the run is of pull request {number}, of a fork" if number else False,
    )

def _circleci_run(variables):
    """Return the pipeline. A workflow that runs again has another id than its workspace.

    The workspace is the one of the first run, and a pipeline may have several workflows that deploy.
    """
    workflow = variables.first("CIRCLE_WORKFLOW_ID")
    first = variables.first("CIRCLE_WORKFLOW_WORKSPACE_ID") or workflow or variables.first("CIRCLE_BUILD_URL")
    if not first:
        return None
    again = workflow if workflow != first else None
    named = (first, again) if again else (first,)
    return Run(variables.first(*CIRCLECI_TABLE.run) or first, again, named)

def _circleci_inputs(environ):
    """Return the inputs, by name: the orb's parameters, else GITDAILIES_* as on any other platform."""
    read = texts(environ, "PARAM_")
    filled = {name: _filled_in(text, environ) for name, text in read.items()}
    # The parameter holds the name of the variable that holds the key.
    named = environ.get("PARAM_WEBHOOK_KEY", "").strip()
    filled["webhook-key"] = environ.get(named, "") if named else read["webhook-key"]
    return filled

def _filled_in(text, environ):
    """Replace `$NAME` and `${NAME}` by the variables. If one is not set, return its reference alone.

    Core refuses a bare reference. A value with a part missing would look valid.
    """
    for found in re.finditer(_REFERENCE, text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return re.sub(_REFERENCE, lambda found: environ[found[1] or found[2]], text)

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
'''

_LATER["ci.platforms.travis"] = 3143, r'''
# ci/platforms/travis.py
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
    message=("TRAVIS_COMMIT_MESSAGE",),
    pull=("TRAVIS_PULL_REQUEST",),
)

# Nothing counts the restarts of a job. All of them have one name.
_AGAIN = "restarted"

def _travis_read(variables, event):
    build = variables.first(*TRAVIS_TABLE.run)
    again = _AGAIN if variables.first("TRAVIS_JOB_RESTARTED_BY") else None
    own, origin = variables.first(*TRAVIS_TABLE.repo), variables.first("TRAVIS_PULL_REQUEST_SLUG")
    return TRAVIS_TABLE.read(
        variables,
        run=Run(build, again) if build else None,
        fork=bool(own and origin and own.lower() != origin.lower()),
        status_of="the script phase",
    )

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
'''

_LATER["ci.platforms.octopus"] = 3194, r'''
# ci/platforms/octopus.py
# Octopus Deploy. Names are Octopus's own.

OCTOPUS_TABLE = Table(
    # A release that is deployed again is another deployment.
    run=("Octopus.Release.Id",),
    attempt=("Octopus.Deployment.Id",),
    # Octopus.Release.Git.* name the repository of the deployment process, not the application's.
    environment=("Octopus.Environment.Name",),
)

# JSON. Octopus.Release.Package and .Builds do not exist in steps, only in release notes.
_CHANGES = "Octopus.Deployment.Changes"

# The packages of the release. A release that goes back brings no changes.
_PACKAGES = "Octopus.Deployment.PackageBuildInformation"

_RELEASE = "Octopus.Release.Number"
_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"
_ERROR = "Octopus.Deployment.Error"

# No time: the form of Octopus.Deployment.Created depends on the server's language.
NAMES = (
    *(*OCTOPUS_TABLE.run, *OCTOPUS_TABLE.attempt, *OCTOPUS_TABLE.environment),
    *(_CHANGES, _PACKAGES, _RELEASE, _SERVER, _LINK, _ERROR),
)

# A template's parameter is a variable of this name. No other step has one with this prefix. A deployment
# has no checkout.
OCTOPUS_PARAMETERS = {name: "GitDailies." + name.title().replace("-", "") for name in INPUTS if name != "path"}

ASKED = (*NAMES, *OCTOPUS_PARAMETERS.values())
_LENDS = "get_octopusvariable"

# An older agent's Bash function prints this for a variable that does not exist.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')

_MARK = "##octopus["
_REMEDY = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"

def _octopus_read(variables, event):
    server, link = variables.first(_SERVER), variables.first(_LINK)
    targets, notes = _targets(variables.first(_CHANGES), variables.first(_RELEASE))
    if not targets:
        targets, more = _of_packages(variables.first(_PACKAGES))
        notes = [] if targets else [*notes, *more]
    return OCTOPUS_TABLE.read(
        variables,
        targets=targets,
        run=_octopus_run(variables),
        url=server.rstrip("/") + "/" + link.lstrip("/") if server and link else None,
        status="failed" if variables.first(_ERROR) else None,
        status_of="the deployment",
        notes=notes,
        remedy=_REMEDY,
    )

def _octopus_run(variables):
    """Return the release, and its deployment as the attempt. The deployment alone names its deploys."""
    release, deployment = variables.first(*OCTOPUS_TABLE.run), variables.first(*OCTOPUS_TABLE.attempt)
    if not deployment:
        return None
    return Run(release or deployment, deployment if release else None, (deployment,))

def _targets(text, release):
    """Read the repositories of a release's packages, each with its commit and the new commits.

    The list holds every release since the last one in this environment. The entry of *release* names
    the deployed commit; all entries together name the new commits.
    """
    changes, notes = _list(text, _CHANGES)
    packages = [
        (str(change.get("Version")) == release, package)
        for change in changes
        for package in _objects(change.get("BuildInformation"))
    ]
    found = _by_commit([package for of_release, package in packages if of_release])
    targets = []
    for target in found:
        brought = [one for _, one in packages if slug(_octopus_text(one, "VcsRoot")) == target.repo]
        items = [item for package in brought for item in _objects(package.get("Commits"))]
        undone = reverts_of((item.get("Id"), undone_by(item.get("Comment"))) for item in items)
        targets.append(target.but(commits=_commits(items), reverts=undone))
    if packages and not targets:
        notes.append(f"{_CHANGES} names no package of release {release}")
    return tuple(targets), notes

def _of_packages(text):
    """Read the packages of the release. What it brought is unknown here."""
    packages, notes = _list(text, _PACKAGES)
    nested = [package for one in packages for package in _objects(one.get("BuildInformation"))]
    return _by_commit([*packages, *nested]), notes

def _by_commit(packages):
    """Return each repository and commit of *packages* once."""
    found = {}
    for package in packages:
        repo, sha = slug(_octopus_text(package, "VcsRoot")), full_sha(_octopus_text(package, "VcsCommitNumber"))
        if repo or sha:
            branch = branch_of(_octopus_text(package, "Branch"))
            found.setdefault((repo, sha), Target(repo=repo, sha=sha, branch=branch))
    return tuple(found.values())

def _commits(items):
    # Build information has no times of commits.
    entries = [commit(item.get("Id"), None) for item in items]
    return tuple({entry["sha"]: entry for entry in entries if entry}.values())

def _list(text, name):
    try:
        return _objects(json.loads(text) if text else []), []
    except ValueError:
        return [], [f"{name} is no JSON"]

def _objects(value):
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

def _octopus_text(package, name):
    value = package.get(name)
    return value if isinstance(value, str) else ""

def ask(lent, standard_input):
    """Ask for every variable that is used. A missing one is empty."""
    get = lent.get(_LENDS)
    if get is None:
        handed = _pairs(standard_input())
        return {name: _known(handed.get(name, "")) for name in ASKED}
    return {name: _known(_asked(get, name)) for name in ASKED}

def octopus_inputs(variables):
    """Return the inputs, by name."""
    return {name: variables.get(variable, "") for name, variable in OCTOPUS_PARAMETERS.items()}

def _asked(get, name):
    try:
        return get(name) or ""
    except KeyError:
        # An older agent's Python function raises it.
        return ""

def _known(text):
    return "" if text.startswith(_UNKNOWN) else text

def _pairs(raw):
    """Read `NAME=VALUE`, each followed by a zero byte, which no value can hold."""
    read = {}
    for pair in raw.decode("utf-8", "replace").split("\0"):
        name, _, value = pair.partition("=")
        read[name] = value
    return read

def _octopus_log(report, fails):
    """Return the lines for the log. A foreign text, such as a receiver's answer, gives no commands."""
    plain = [line.replace(_MARK, "## octopus[") for line in messages(report)]
    if report.ok and not report.warnings:
        return plain
    level = "error" if fails and not report.ok else "warning"
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
'''

_LATER["ci.platforms.gitlab"] = 3372, r'''
# ci/platforms/gitlab.py
# GitLab CI.

GITLAB_TABLE = Table(
    # A retried job stays in its pipeline. The id of a job is its attempt.
    run=("CI_PIPELINE_ID",),
    # Only merged-result pipelines have the first. Their CI_COMMIT_SHA is a temporary merge commit.
    sha=("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
    # CI_COMMIT_REF_NAME may be a branch or a tag. Merge request pipelines have no CI_COMMIT_BRANCH.
    branch=(
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    ),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_PROJECT_PATH",),
    repo_url=("CI_REPOSITORY_URL",),
    # The name, because the slug is a shortened and changed form of it.
    environment=("CI_ENVIRONMENT_NAME",),
    url=("CI_PIPELINE_URL",),
    message=("CI_COMMIT_MESSAGE",),
    # `running` until after_script.
    status=("CI_JOB_STATUS",),
    pull=("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"),
    # Zeros for a new branch and in pipelines of merge requests.
    before=("CI_COMMIT_BEFORE_SHA",),
)

# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")

def _gitlab_read(variables, event):
    action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
    tier = (variables.first("CI_ENVIRONMENT_TIER") or "").lower()
    pipeline, job = variables.first(*GITLAB_TABLE.run), variables.first("CI_JOB_ID")
    found = {}
    if variables.first("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train":
        # A train builds what the target branch becomes.
        found["branch"], found["pull"] = variables.first("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"), None
    else:
        found["pull"], found["fork"] = _gitlab_pull(variables), _gitlab_forked(variables)
    return GITLAB_TABLE.read(
        variables,
        # "Rollback environment" and a retry run a job again, under another id in the same pipeline.
        run=Run(pipeline, job) if pipeline else None,
        tier=tier if tier in TIERS else None,
        skip=f"the environment's action is {action}, which deploys nothing" if action in _NO_DEPLOY else None,
        **found,
    )

def _gitlab_pull(variables):
    merge, external = variables.first("CI_MERGE_REQUEST_IID"), variables.first("CI_EXTERNAL_PULL_REQUEST_IID")
    if merge or variables.first("CI_PIPELINE_SOURCE") == "merge_request_event":
        return f"merge request {merge}" if merge else "a merge request"
    return f"pull request {external}" if external else None

# Where the branch is from, and the repository that it is to be merged into.
_GITLAB_ORIGINS = (
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "CI_PROJECT_PATH"),
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
)

def _gitlab_forked(variables):
    for theirs, own in _GITLAB_ORIGINS:
        origin, here = variables.first(theirs), variables.first(own)
        if origin and here and origin.lower() != here.lower():
            return True
    return False

def _gitlab_inputs(environ):
    """Return the inputs, by name: the component's, else the GITDAILIES_* variable of that name.

    The component passes INPUT_*, because a project's variable overrides a job's of the same name.
    """
    read = texts(environ, "INPUT_")
    named = environ.get("INPUT_WEBHOOK_KEY_ENV", "").strip()
    if named:
        read["webhook-key"] = environ.get(named, "")
    return read

def _warned(environ):
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
'''

_LATER["ci.platforms.buildkite"] = 3479, r'''
# ci/platforms/buildkite.py
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
    message=("BUILDKITE_MESSAGE",),
    pull=("BUILDKITE_PULL_REQUEST",),
)

_CONFIGURATION = "BUILDKITE_PLUGIN_CONFIGURATION"
_KEY_NAME = "webhook-key-env"

def _buildkite_read(variables, event):
    found = {"run": _buildkite_run(variables), "pull": None}
    branch = variables.first(*BUILDKITE_TABLE.branch)
    queued_for = variables.first("BUILDKITE_MERGE_QUEUE_BASE_BRANCH")
    number = variables.first(*BUILDKITE_TABLE.pull)
    if queued_for:
        found["branch"] = queued_for
    elif number and number.lower() != "false":
        found["fork"] = _buildkite_forked(variables, branch)
        # A pull request from the default branch only carries it to another one that is released.
        if found["fork"] or branch != variables.first("BUILDKITE_PIPELINE_DEFAULT_BRANCH"):
            found["pull"] = f"pull request {number}"
    return BUILDKITE_TABLE.read(variables, status_of="the command", **found)

def _buildkite_run(variables):
    """Return the build. Its variable counts the retries of the job, and no first attempt."""
    build, retries = variables.first(*BUILDKITE_TABLE.run), variables.first("BUILDKITE_RETRY_COUNT")
    again = str(int(retries) + 1) if retries and retries.isdecimal() else None
    return Run(build, later_attempt(again)) if build else None

def _buildkite_forked(variables, branch):
    # A setting of the pipeline puts the fork's owner before the branch. No branch's name has a colon.
    if branch and ":" in branch:
        return True
    own, theirs = variables.first(*BUILDKITE_TABLE.repo_url), variables.first("BUILDKITE_PULL_REQUEST_REPO")
    here, there = repo_of(own), repo_of(theirs)
    return bool(there and here and there.lower() != here.lower())

def _buildkite_inputs(environ):
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

def _options(text):
    try:
        options = json.loads(text) if text.strip() else {}
    except ValueError:
        options = text
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise UsageError(f"{_CONFIGURATION}: expected a JSON object, got {got(options)}")
    return options

def _buildkite_text(name, value):
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
'''

_LATER["ci.platforms.azure"] = 3590, r'''
# ci/platforms/azure.py
# Azure Pipelines.

from urllib.parse import quote, urlsplit

AZURE_TABLE = Table(
    # A stage that is run again stays in its build.
    run=("BUILD_BUILDID",),
    attempt=("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT"),
    # For a pull request BUILD_SOURCEVERSION is a temporary merge commit.
    sha=("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
    # BUILD_SOURCEBRANCHNAME is only the last part: `tools` of feature/tools.
    branch=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
    repo_url=("BUILD_REPOSITORY_URI",),
    # Deployment jobs have the first, stages of a classic release the second.
    environment=("ENVIRONMENT_NAME", "RELEASE_ENVIRONMENTNAME"),
    status=("AGENT_JOBSTATUS",),
    pull=("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"),
)

# The template's parameters, such as `webhookKey`: Azure's names have no hyphens.
AZURE_PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}

_ISSUE = "##vso[task.logissue type="

# The agent leaves a reference to an unknown variable as it is.
_UNSET = r"^\$\([^()]*\)$"

def _azure_read(variables, event):
    ref = variables.first("BUILD_SOURCEBRANCH")
    fork = (variables.first("SYSTEM_PULLREQUEST_ISFORK") or "").lower() == "true"
    found = {
        "repo": _repo(variables),
        "branch": variables.first(*AZURE_TABLE.branch) or branch_of(ref),
        "tag": tag_of(ref),
        "pull": _azure_pull(variables),
        "fork": fork,
    }
    if variables.first("RELEASE_RELEASEID", "RELEASE_DEPLOYMENTID"):
        found.update(_of_release(variables))
    else:
        found["url"] = _azure_url(variables)
    return AZURE_TABLE.read(variables, **found)

def _of_release(variables):
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
        "sha": variables.first("BUILD_SOURCEVERSION", artifact + "SOURCEVERSION"),
        "branch": branch_of(ref),
        "tag": tag_of(ref),
        "url": variables.first("RELEASE_RELEASEWEBURL"),
    }

def _azure_pull(variables):
    number = variables.first(*AZURE_TABLE.pull)
    if number:
        return f"pull request {number}"
    reason = variables.first("BUILD_REASON", "RELEASE_REASON") or ""
    ref = variables.first("BUILD_SOURCEBRANCH") or ""
    return "a pull request" if reason == "PullRequest" or ref.startswith("refs/pull/") else None

def _repo(variables):
    name, address = variables.first("BUILD_REPOSITORY_NAME"), variables.first(*AZURE_TABLE.repo_url) or ""
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

def _azure_url(variables):
    collection, project = variables.first("SYSTEM_COLLECTIONURI"), variables.first("SYSTEM_TEAMPROJECT")
    run = variables.first(*AZURE_TABLE.run)
    if not (collection and project and run):
        return None
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={run}"

def _azure_inputs(environ):
    """Return the inputs, by name. The address and the key refer to variables, which may be missing."""
    read = texts(environ)
    for name in ("webhook-url", "webhook-key"):
        if re.match(_UNSET, read[name].strip()):
            read[name] = ""
    return read

def _azure_log(report, fails):
    """Return the lines for the log. Errors and warnings also appear on the run's page.

    The agent reads its commands anywhere in a line, so a foreign text must not hold one.
    """
    plain = [line.replace("##", "# #") for line in lines(report, fails)]
    notes, warned = len(report.notes), len(report.notes) + len(report.warnings)
    shown = plain[:notes] + [f"{_ISSUE}warning]{line}" for line in plain[notes:warned]]
    if report.ok:
        return shown + plain[warned:]
    return shown + [f"{_ISSUE}{'error' if fails else 'warning'}]{line}" for line in plain[warned:]]

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
'''

_LATER["ci.platforms.bitbucket"] = 3723, r'''
# ci/platforms/bitbucket.py
# Bitbucket Pipelines. Source: its "Variables and secrets" page.

BITBUCKET_TABLE = Table(
    # Each repository counts its own builds. The deploy's id holds the repository, too.
    run=("BITBUCKET_BUILD_NUMBER",),
    attempt=("BITBUCKET_STEP_RUN_NUMBER",),
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
    # Pipelines of a fork's pull request run in the fork.
    pull=("BITBUCKET_PR_ID",),
)

def _bitbucket_read(variables, event):
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
'''

_LATER["ci.platforms.codebuild"] = 3766, r'''
# ci/platforms/codebuild.py
# AWS CodeBuild, by itself or in CodePipeline.

from urllib.parse import quote

CODEBUILD_TABLE = Table(
    # A build that is retried gets a new id.
    run=("CODEBUILD_BUILD_ID",),
    # A squashed pull request has the first. The last may be a branch, a tag or pr/7.
    sha=(
        "CODEBUILD_WEBHOOK_MERGE_COMMIT",
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
        "CODEBUILD_SOURCE_VERSION",
    ),
    # Only builds that a webhook started have it.
    branch=("CODEBUILD_WEBHOOK_HEAD_REF",),
    # Empty in CodePipeline.
    repo_url=("CODEBUILD_SOURCE_REPO_URL",),
    before=("CODEBUILD_WEBHOOK_PREV_COMMIT",),
)

# arn:PARTITION:codebuild:REGION:ACCOUNT:build/PROJECT:ID
_ARN = r"^arn:aws:codebuild:([a-z0-9-]+):([0-9]+):build/([^:]+):"

def _codebuild_read(variables, event):
    ref = variables.first(*CODEBUILD_TABLE.branch)
    merged = variables.first("CODEBUILD_WEBHOOK_EVENT") == "PULL_REQUEST_MERGED"
    number = re.match(
        r"^pr/(\d+)$", variables.first("CODEBUILD_WEBHOOK_TRIGGER", "CODEBUILD_SOURCE_VERSION") or ""
    )
    return CODEBUILD_TABLE.read(
        variables,
        branch=branch_of(variables.first("CODEBUILD_WEBHOOK_BASE_REF") if merged else ref),
        tag=tag_of(ref),
        pull=f"pull request {number[1]}" if number and not merged else None,
        # No variable tells.
        fork=None,
        # 1 while the build succeeds. In post_build it may be 0.
        status="failed" if variables.first("CODEBUILD_BUILD_SUCCEEDING") == "0" else None,
        status_of="the build so far",
        url=_codebuild_url(variables),
    )

def _codebuild_url(variables):
    build, found = variables.first(*CODEBUILD_TABLE.run), re.match(_ARN, variables.first("CODEBUILD_BUILD_ARN") or "")
    if not (build and found):
        return None
    console = f"https://{found[1]}.console.aws.amazon.com/codesuite/codebuild/{found[2]}"
    return f"{console}/projects/{quote(found[3])}/build/{quote(build, safe='')}"

CODEBUILD = Platform(
    word="codebuild",
    title="AWS CodeBuild",
    marker="CODEBUILD_BUILD_ID",
    read=_codebuild_read,
    step=Step(
        agent="gitdailies-codebuild",
        no_key="; set GITDAILIES_WEBHOOK_KEY in env: secrets-manager or parameter-store of the buildspec",
        folder="CODEBUILD_SRC_DIR",
    ),
)
'''

_LATER["ci.platforms.drone"] = 3830, r'''
# ci/platforms/drone.py
# Drone. Harness Open Source sets the same variables. Source: its "Environment reference" page.

DRONE_TABLE = Table(
    # A restart and a promotion are builds of their own.
    run=("DRONE_BUILD_NUMBER",),
    sha=("DRONE_COMMIT_SHA", "DRONE_COMMIT"),
    # For a pull request DRONE_BRANCH and DRONE_COMMIT_BRANCH are the target.
    branch=("DRONE_COMMIT_BRANCH", "DRONE_BRANCH"),
    tag=("DRONE_TAG",),
    repo=("DRONE_REPO",),
    repo_url=("DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL", "DRONE_GIT_SSH_URL"),
    # Promotions and rollbacks have it.
    environment=("DRONE_DEPLOY_TO",),
    url=("DRONE_BUILD_LINK",),
    # `success` until a step fails.
    status=("DRONE_BUILD_STATUS",),
    message=("DRONE_COMMIT_MESSAGE",),
    before=("DRONE_COMMIT_BEFORE",),
    pull=("DRONE_PULL_REQUEST",),
)

def _drone_read(variables, event):
    # A promotion of a pull request's build keeps the number, and is no job of it.
    promoted = variables.first("DRONE_BUILD_EVENT") == "promote"
    return DRONE_TABLE.read(
        variables,
        pull=not promoted,
        # No variable tells.
        fork=None,
        status_of="the build so far",
    )

DRONE = Platform(
    word="drone",
    title="Drone",
    marker="DRONE",
    read=_drone_read,
    step=Step(
        agent="gitdailies-drone",
        no_key=("; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"),
        folder="DRONE_WORKSPACE",
    ),
)
'''

_LATER["ci.platforms.google_cloud_build"] = 3877, r'''
# ci/platforms/google_cloud_build.py
# Google Cloud Build. Source: its "Substituting variable values" page.

GOOGLE_CLOUD_BUILD_TABLE = Table(
    # A build that is retried gets a new id.
    run=("BUILD_ID",),
    sha=("COMMIT_SHA", "REVISION_ID"),
    # For a pull request it is the source.
    branch=("BRANCH_NAME",),
    tag=("TAG_NAME",),
    repo=("REPO_FULL_NAME",),
    pull=("_PR_NUMBER",),
)

def _google_cloud_build_read(variables, event):
    project, location = variables.first("PROJECT_ID"), variables.first("LOCATION") or "global"
    build, url = variables.first(*GOOGLE_CLOUD_BUILD_TABLE.run), None
    if project and build:
        url = (
            f"https://console.cloud.google.com/cloud-build/builds;region={location}/{build}?project={project}"
        )
    repo, theirs = variables.first(*GOOGLE_CLOUD_BUILD_TABLE.repo), repo_of(variables.first("_HEAD_REPO_URL"))
    # A repository of Cloud Source Repositories has no owner.
    return GOOGLE_CLOUD_BUILD_TABLE.read(
        variables,
        repo=repo if repo and "/" in repo else None,
        fork=bool(theirs and repo and theirs.lower() != repo.lower()),
        url=url,
    )

GOOGLE_CLOUD_BUILD = Platform(
    word="google-cloud-build",
    title="Google Cloud Build",
    # Where a step writes its outputs. The other variables of Cloud Build have names that Jenkins has, too.
    marker="BUILDER_OUTPUT",
    read=_google_cloud_build_read,
    step=Step(
        agent="gitdailies-google-cloud-build",
        no_key="; set GITDAILIES_WEBHOOK_KEY by secretEnv from Secret Manager",
    ),
)
'''

_LATER["ci.platforms.teamcity"] = 3921, r'''
# ci/platforms/teamcity.py
# TeamCity.

TEAMCITY_TABLE = Table(
    # A build that runs again is a build of its own.
    run=("TEAMCITY_BUILD_ID", "BUILD_URL"),
    sha=("BUILD_VCS_NUMBER",),
    branch=("TEAMCITY_BUILD_BRANCH",),
    repo_url=("TEAMCITY_VCS_URL",),
    url=("BUILD_URL",),
)

# The default branch, if the VCS root has no name for it.
_DEFAULT = "<default>"

# The feature "Pull Requests" names such branches.
_PULL = r"^(?:refs/)?(?:pull|pull-requests|merge-requests|pullrequest)/([0-9]+)(?:/|$)"

def _teamcity_read(variables, event):
    ref = variables.first(*TEAMCITY_TABLE.branch)
    found = re.match(_PULL, ref or "")
    pull = f"pull request {found[1]}" if found else None
    branch = None if found or ref == _DEFAULT else branch_of(ref)
    return TEAMCITY_TABLE.read(
        variables,
        branch=branch,
        tag=tag_of(ref),
        pull=pull,
        # Only the number of a pull request is known.
        fork=None,
    )

TEAMCITY = Platform(
    word="teamcity",
    title="TeamCity",
    marker="TEAMCITY_VERSION",
    read=_teamcity_read,
    step=Step(
        agent="gitdailies-teamcity",
        no_key="; add the parameter env.GITDAILIES_WEBHOOK_KEY of type Password to the build configuration",
    ),
)
'''

_LATER["ci.platforms.woodpecker"] = 3966, r'''
# ci/platforms/woodpecker.py
# Woodpecker CI. Source: its "Environment variables" page.

WOODPECKER_TABLE = Table(
    # A restart and a deployment are pipelines of their own.
    run=("CI_PIPELINE_NUMBER",),
    sha=("CI_COMMIT_SHA",),
    # For a pull request it is the target.
    branch=("CI_COMMIT_BRANCH",),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_REPO",),
    repo_url=("CI_REPO_CLONE_URL", "CI_REPO_URL"),
    # The event `deployment` has it.
    environment=("CI_PIPELINE_DEPLOY_TARGET",),
    url=("CI_PIPELINE_URL",),
    # `success` until a step fails; version 3 has it no longer.
    status=("CI_PIPELINE_STATUS",),
    message=("CI_COMMIT_MESSAGE",),
    pull=("CI_COMMIT_PULL_REQUEST",),
)

def _woodpecker_read(variables, event):
    # A deployment of a pull request's pipeline keeps the number, and is no job of it.
    of_pull = (variables.first("CI_PIPELINE_EVENT") or "").startswith("pull_request")
    return WOODPECKER_TABLE.read(
        variables,
        pull=of_pull,
        # No variable tells.
        fork=None,
        status_of="the pipeline so far",
    )

WOODPECKER = Platform(
    word="woodpecker",
    title="Woodpecker CI",
    # CI is `woodpecker` there, and `true` on most other platforms.
    marker="CI_SYSTEM_NAME",
    read=_woodpecker_read,
    step=Step(
        agent="gitdailies-woodpecker",
        no_key=("; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"),
        folder="CI_WORKSPACE",
    ),
)
'''

_LATER["ci.platforms.jenkins"] = 4013, r'''
# ci/platforms/jenkins.py
# Jenkins.

# GIT_BRANCH begins with the remote, which is origin unless the job names another one. Only from these
# branches and remotes it can be told from a branch with a slash.
_REMOTE = (
    r"^(?:refs/remotes/[^/]+|(?:remotes/)?(?:origin|upstream)|[^/]+(?=/(?:main|master|develop|trunk)$))/"
)

JENKINS_TABLE = Table(
    # A replay and a restart from a stage are builds of their own.
    run=("BUILD_TAG", "BUILD_URL"),
    # The GitHub pull request builder checks out a temporary merge commit.
    sha=("ghprbActualCommit", "GIT_COMMIT"),
    # In multibranch pipelines BRANCH_NAME may also be a tag, or PR-7 for a pull request.
    branch=(
        "CHANGE_BRANCH",
        "ghprbSourceBranch",
        "gitlabSourceBranch",
        "BRANCH_NAME",
        "GIT_LOCAL_BRANCH",
        "GIT_BRANCH",
    ),
    tag=("TAG_NAME",),
    repo_url=("GIT_URL", "GIT_URL_1"),
    url=("BUILD_URL",),
    before=("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "GIT_PREVIOUS_COMMIT"),
    pull=("CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"),
)

def _jenkins_read(variables, event):
    branch, tag = variables.first(*JENKINS_TABLE.branch), variables.first(*JENKINS_TABLE.tag)
    # Only GIT_BRANCH begins with the remote: origin/main, refs/remotes/origin/main. Older git plugins
    # name a tag there.
    if branch and branch == variables.first("GIT_BRANCH"):
        branch = re.sub(_REMOTE, "", branch)
        if branch.startswith(("tags/", "refs/tags/")):
            tag, branch = branch.partition("tags/")[2], None
    if (variables.first("gitlabMergeRequestState") or "").lower() == "merged":
        branch = variables.first("gitlabTargetBranch")
    return JENKINS_TABLE.read(
        variables,
        # An old git plugin has one of these words if it checked out a bare commit.
        branch=None if branch in ("detached", "HEAD") else branch,
        tag=tag,
        pull=_jenkins_pull(variables),
        fork=_jenkins_forked(variables),
    )

def _jenkins_pull(variables):
    """Return the open pull or merge request of a multibranch pipeline, or of GitHub's or GitLab's plugin."""
    number = variables.first("CHANGE_ID", "ghprbPullId")
    if number:
        return f"pull request {number}"
    merge = variables.first("gitlabMergeRequestIid")
    state = (variables.first("gitlabMergeRequestState") or "opened").lower()
    return f"merge request {merge}" if merge and state != "merged" else None

def _jenkins_forked(variables):
    if variables.first("CHANGE_FORK"):
        return True
    pairs = (
        (repo_of(variables.first("ghprbAuthorRepoGitUrl")), repo_of(variables.first(*JENKINS_TABLE.repo_url))),
        (variables.first("gitlabSourceNamespace"), variables.first("gitlabTargetNamespace")),
    )
    return any(theirs and own and theirs.lower() != own.lower() for theirs, own in pairs)

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
        root="WORKSPACE",
    ),
    # The last one: its agents often share a machine with another platform's agent.
    turn=90,
)
'''

_now(4100, r'''
# ci/checkout.py
# Find the checkout of the deployed commit, and the job's deploys with its facts.

# Where a job has several checkouts, they are side by side in its folder.
_MOST_FOLDERS = 50

def deploys_in(
    directory,
    platform,
    *,
    environ,
    event = None,
    inputs,
    path = None,
    call = "",
):
    """Resolve the job's deploys, with the facts of the checkout of the deployed commit.

    The checkout is in *directory*, in one above it, or in one right below it. *path* names another one,
    from *directory* on. Raises what `resolve` raises, and UsageError if *path* is no checkout.
    """
    try:
        found = resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
    except UsageError:
        # The second call raises it again, unless git has what is missing.
        found = None
    if isinstance(found, Skipped):
        return found
    shas = {one.get("commitSHA") for one in found.events} if found else set()
    git = _chosen(directory, path, shas, _root(platform, environ))
    if git is None or (found and git.facts is None and not git.problem):
        return found or resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
    try:
        deploys = resolve(platform, environ=environ, event=event, inputs=inputs, git=git.facts, call=call)
    except UsageError as error:
        first, *others = error.complaints
        raise UsageError(f"{first} ({git.problem})" if git.problem else first, *others) from None
    if isinstance(deploys, Deploys) and git.problem:
        return Deploys(deploys.platform, deploys.events, (*deploys.notes, git.problem))
    return deploys

def _root(platform, environ):
    """Return the folder of the job, above which no checkout is its own, or ""."""
    return environ.get(platform.step.root or platform.step.folder, "") if platform else ""

def _chosen(directory, path, shas, root):
    """Return the checkout of one of the commits *shas*, or the nearest one if none of them is known."""
    nearest = next(filter(_is_checkout, _above(directory, root)), None)
    if path:
        nearest = os.path.join(directory, path)
        if not any(map(_is_checkout, _above(nearest, root))):
            raise UsageError(f"path: expected a folder with a git checkout, got {path!a}")
    if nearest is None and not (shas and any(_below(directory))):
        return None
    # Some jobs have no checkout.
    _load("ci.git_facts", "ci.git_log")
    found = read(nearest) if nearest else None
    if found and (path or not shas or found.problem or (found.facts and found.facts.sha in shas)):
        return found
    # Below the job's folder only the deployed commit shows which checkout is meant.
    below = list(_below(directory)) if shas else []
    for folder in below:
        if head(folder) in shas:
            return read(folder)
    # Where none is at the deployed commit, a checkout that git refused may be the one.
    problems = [one for one in map(read, below[:1]) if one.problem]
    return found or (problems[0] if problems else None)

def _above(directory, root):
    """Yield a folder and those above it, up to *root* if it is in there."""
    folder, root = os.path.abspath(directory), os.path.abspath(root) if root else ""
    inside = root and (folder + os.sep).startswith(root.rstrip(os.sep) + os.sep)
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder or (inside and folder == root):
            return
        folder = above

def _below(directory):
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    yield from filter(_is_checkout, (os.path.join(directory, name) for name in names[:_MOST_FOLDERS]))

def _is_checkout(folder):
    return os.path.exists(os.path.join(folder, ".git"))

# ci/step.py
# Run a step from its inputs to its report. The arguments are what differs between platforms.

_OUR_NAMES = {}

# The sender is imported only when events are sent. A skipped or dry run does not need it.


def run(
    platform,
    texts,
    *,
    environ,
    event = None,
    directory = ".",
    agent,
    no_key = "",
    names = _OUR_NAMES,
):
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
            path=settings.path,
            call=os.urandom(8).hex(),
        )
        if isinstance(found, Skipped):
            return skipped(found)
        dialect = Dialect.make(receiver=settings.receiver)
        notes = [*found.notes, *left_out(settings.inputs, dialect)]
        if settings.dry_run:
            return dry_run(found.events, dialect, notes)
        results, warnings = _send(found.events, settings, dialect, agent, no_key)
        return attempted(results, dialect, notes, warnings, names)
    except Exception as error:
        return refused(error, names)

def leave(code):
    """End the process at once. A normal end of the interpreter takes a tenth of a step's time."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        # A log that is closed, or none.
        os._exit(code)
    os._exit(code)

def _send(
    events,
    settings,
    dialect,
    agent,
    no_key,
):
    """Send the events. Return how that went, and warnings. Raises UsageError."""
    if not settings.key:
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not settings.url:
        raise UsageError("webhook-url: expected the address of incoming webhooks, got nothing")
    _load("ci.receiver")
    _load("ci.receiver", "ci.sender")
    receiver = Receiver.make(
        url=settings.url,
        key=settings.key,
        dialect=dialect,
        agent=agent,
        timeout_seconds=settings.timeout_seconds,
        retries=settings.retries,
    )
    warning = warning_about(receiver.url)
    return send_all(events, receiver), [warning] if warning else []

# ci/platforms/__init__.py
# The platforms of this file, in the order that they are tried in.

github_actions = _late("GITHUB_ACTIONS", "ci.workflow_commands", "ci.platforms.github_actions")
circleci = _late("CIRCLECI", "ci.platforms.circleci")
travis = _late("TRAVIS", "ci.platforms.travis")
octopus = _late("OCTOPUS", "ci.git_url", "ci.platforms.octopus")
gitlab = _late("GITLAB", "ci.platforms.gitlab")
buildkite = _late("BUILDKITE", "ci.platforms.buildkite")
azure = _late("AZURE", "ci.git_url", "ci.userinfo", "ci.platforms.azure")
bitbucket = _late("BITBUCKET", "ci.platforms.bitbucket")
codebuild = _late("CODEBUILD", "ci.platforms.codebuild")
drone = _late("DRONE", "ci.platforms.drone")
google_cloud_build = _late("GOOGLE_CLOUD_BUILD", "ci.platforms.google_cloud_build")
teamcity = _late("TEAMCITY", "ci.platforms.teamcity")
woodpecker = _late("WOODPECKER", "ci.platforms.woodpecker")
jenkins = _late("JENKINS", "ci.platforms.jenkins")

CHOICES = (
    Choice("GITHUB_ACTIONS", "", github_actions),
    Choice("CIRCLECI", "", circleci),
    Choice("TRAVIS", "", travis),
    Choice("Octopus.Deployment.Id", "get_octopusvariable", octopus),
    Choice("GITLAB_CI", "", gitlab),
    Choice("BUILDKITE", "", buildkite),
    Choice("TF_BUILD", "", azure),
    Choice("BITBUCKET_BUILD_NUMBER", "", bitbucket),
    Choice("CODEBUILD_BUILD_ID", "", codebuild),
    Choice("DRONE", "", drone),
    Choice("BUILDER_OUTPUT", "", google_cloud_build),
    Choice("TEAMCITY_VERSION", "", teamcity),
    Choice("CI_SYSTEM_NAME", "", woodpecker),
    Choice("JENKINS_URL", "", jenkins),
)
''')

_now(4307, r'''
# ci/detection.py
# Which CI platform a job runs on, and which deploys it made there.

def detect(environ):
    """Return the platform whose marker is set, or None."""
    variables = Variables(environ)
    for choice in CHOICES:
        marker = variables.first(choice.marker)
        if marker and marker.lower() != "false":
            return choice.platform()
    return None

# ci/version.py
# The version of this file, which the receiver gets with each deploy.

VERSION = "0.1.0"

# ci/__main__.py
# The step of every CI platform: finds the platform, reports the job's deploys, ends as its inputs say.

# For a job on none of the platforms. Git gives what the inputs do not.
_MAIN_ELSEWHERE = Step(agent="gitdailies-step", no_key="; set GITDAILIES_WEBHOOK_KEY")

def main(lent):
    """Run the step and return the exit code; *lent* holds the functions that an agent adds to a script."""
    # Windows' own code page lacks many characters, and platforms read UTF-8.
    if sys.stdout is not None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    platform, environ = _job(lent)
    step = platform.step if platform else _MAIN_ELSEWHERE
    report, fails = _reported(platform, step, environ)
    for line in step.log(report, fails):
        print(line)
    for name, text in step.files(report).items():
        if not _appended(environ.get(name, ""), text):
            print(step.not_written(name))
    return report.code if fails or report.ok else step.warned(environ)

def guarded(lent):
    """Run the step. Whatever goes wrong in it never fails the job, unless an input says so."""
    try:
        return main(lent)
    except Exception as error:
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

def _job(lent):
    """Return the platform of the job and its variables. The only platform of a file needs no marker."""
    lender = next((choice for choice in CHOICES if choice.lends in lent), None)
    chosen = CHOICES[0] if len(CHOICES) == 1 else lender
    if chosen is None:
        return detect(os.environ), os.environ
    platform = chosen.platform()
    ask = platform.step.ask
    return platform, ask(lent, sys.stdin.buffer.read) if ask else os.environ

def _reported(platform, step, environ):
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
        agent=f"{step.agent}/{VERSION}" if VERSION else step.agent,
        no_key=step.no_key,
        names=names,
    )
    return report, strict(inputs)

def _event(path):
    try:
        with open(path, "rb") as file:
            return json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        # If the commit is only in the payload, the report says so. It is never guessed.
        return None

def _appended(path, text):
    try:
        # Bytes that are not UTF-8 are written as escapes. They are no error.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError:
        return False
    return True
''')

if __name__ == "__main__":
    ended = guarded(globals())
    if any(choice.lends in globals() for choice in CHOICES):
        # Such an agent runs the script in its own process, and has work to do afterwards.
        gc.enable()
        sys.exit(ended)
    leave(ended)
