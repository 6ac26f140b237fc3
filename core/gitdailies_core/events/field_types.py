"""The types of event fields, and the one place that checks their values.

A `pattern` is an ECMA regular expression that is also in the published schema. So this file
checks nothing that the schema cannot express. The one exception is half of a surrogate pair,
which JSON in UTF-8 cannot contain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Callable

from gitdailies_core.error_text import got, got_of
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.values.times import RFC3339, parse, text_of

DEPLOY_TYPES = ("deploy", "rollback", "hotfix")
TIERS = ("production", "staging", "testing", "development", "other")
# Of a longer list, an event keeps the first ones: it counts all the same.
MOST_COMMITS = 1000
MOST_REVERTS = 100
# The names that a commit of a list has.
COMMIT_NAMES = frozenset({"sha", "time"})

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


def _never(text: str) -> bool:  # noqa: ARG001  it has the form of a quick check
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

    @property
    def is_list(self) -> bool:
        return self.form in ("commits", "reverts")

    @cached_property
    def fits(self) -> Callable[[str], Any]:
        """A check of the pattern or the words, without the length."""
        # Compiled on first use: a CI step checks one event, a server checks the same few fields all the time.
        return self.words.__contains__ if self.words else re.compile(self.pattern).search

    def accepts(self, text: str) -> bool:
        """Return whether *text* is a value of this type."""
        return len(text) <= self.longest and (
            self.quick(text) or (bool(self.fits(text)) and (text.isascii() or _encodable(text)))
        )


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _plain_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _plain_repo(text: str) -> bool:
    return _plain_word(text) and "/" in text and all(text.split("/"))


def _plain_address(text: str) -> bool:
    return text.startswith(("https://", "http://")) and _plain_word(text)


def _plain_sha(text: str) -> bool:
    return len(text) >= 7 and not text.strip("0123456789abcdef")


REPO = FieldType("a repository like 'larkspur/checkout-api'", _REPO, quick=_plain_repo)
SHA = FieldType("7 to 64 hexadecimal digits", _SHA, longest=64, quick=_plain_sha)
CAUSE = FieldType("7 to 64 hexadecimal digits, or none", _CAUSE, longest=64)
NAME = FieldType("text on one line", _NAME, quick=_plain)
LINE = FieldType("text on one line", _LINE, quick=str.isprintable)
TITLE = FieldType("text on one line", _LINE, longest=1000, quick=str.isprintable)
IDENTIFIER = FieldType("printable ASCII without spaces", _ID, quick=_plain_word)
URL = FieldType("an http or https address", _URL, longest=2000, quick=_plain_address)
TIME = FieldType("a time like 2026-03-04T09:12:41Z", RFC3339, longest=40, form="time")
TYPE = FieldType("one of deploy, rollback, hotfix", words=DEPLOY_TYPES)
TIER = FieldType(f"one of {', '.join(TIERS)}", words=TIERS)
REVERTS = FieldType(f"a list of at most {MOST_REVERTS} commit SHAs", form="reverts")
COMMITS = FieldType(f"a list of at most {MOST_COMMITS} objects with sha and time", form="commits")


def normalize(kind: FieldType, where: str, value: Any) -> Any:
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


def describe_misfit(kind: FieldType, value: Any) -> str:
    """Describe a value that the type does not accept, for the right half of `expected, got`."""
    if isinstance(value, str) and len(value) > kind.longest:
        return f"{len(value)} characters, {kind.longest} are allowed"
    if isinstance(value, str) and not _encodable(value):
        return "half of a surrogate pair"
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


def _normalize_commits(kind: FieldType, where: str, value: Any) -> list[dict[str, str]]:
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


def _normalize_reverts(kind: FieldType, where: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", where)
    for index, sha in enumerate(value):
        if not isinstance(sha, str) or not SHA.accepts(sha):
            raise InvalidEvent(f"{where}[{index}]: expected {SHA.expected}, got {got(sha)}", where)
    return [sha.lower() for sha in value[:MOST_REVERTS]]


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
