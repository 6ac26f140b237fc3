"""The types of event fields, and the one place that checks their values.

A `pattern` is an ECMA regular expression that is also in the published schema. So this file
checks nothing that the schema cannot express. The one exception is half of a surrogate pair,
which JSON in UTF-8 cannot contain.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from gitdailies_core.error_text import got, got_of
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.values.times import RFC3339, parse, text_of

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
