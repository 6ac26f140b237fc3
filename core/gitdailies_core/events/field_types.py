"""How the values of an event's fields look, and the one place where they are checked.

Rules of this file: a `pattern` is an ECMA regular expression that stands in the published
schema too, so what the schema cannot say must not be checked here. The one exception is half
of a surrogate pair, which no JSON that UTF-8 can hold has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Callable

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.values.times import RFC3339, parse, text_of

DEPLOY_TYPES = ("deploy", "rollback", "hotfix")
MOST_COMMITS = 1000

# `$(?!\n)` because Python's `$`, unlike ECMA's, also matches before a last line feed.
_SHA = r"^[0-9a-fA-F]{7,64}$(?!\n)"
_REPO = r"^[^/\u0000-\u0020\u007f]+(/[^/\u0000-\u0020\u007f]+)+$(?!\n)"
_LINE = r"^[^\u0000-\u001f\u007f]*$(?!\n)"
_ID = r"^[\u0021-\u007e]*$(?!\n)"
_URL = r"^(https?://[^\u0000-\u0020\u007f]*)?$(?!\n)"


@dataclass(frozen=True)
class FieldType:
    """How the values of a field look: a pattern or a list of words, and a length.

    Of one that is `printable` every text fits that Python calls so, which is quickly asked.
    """

    expected: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    longest: int = 255
    form: str = "text"
    printable: bool = False

    @cached_property
    def fits(self) -> Callable[[str], Any]:
        """Ask whether a text looks as the type says, its length aside."""
        # Made when first needed: a step checks one event, a server the same few fields for ever.
        return self.words.__contains__ if self.words else re.compile(self.pattern).search

    def takes(self, text: str) -> bool:
        """Say whether a text is a value of this type, its length regarded."""
        return len(text) <= self.longest and bool(self.fits(text)) and _writable(text)


REPO = FieldType("a repository like 'larkspur/checkout-api'", _REPO)
SHA = FieldType("7 to 64 hexadecimal digits", _SHA, longest=64)
LINE = FieldType("text on one line", _LINE, printable=True)
TITLE = FieldType("text on one line", _LINE, longest=1000, printable=True)
IDENTIFIER = FieldType("printable ASCII without spaces", _ID)
URL = FieldType("an http or https address", _URL, longest=2000)
TIME = FieldType("a time like 2026-03-04T09:12:41Z", RFC3339, longest=40, form="time")
TYPE = FieldType("one of deploy, rollback, hotfix", words=DEPLOY_TYPES)
COMMITS = FieldType(f"a list of at most {MOST_COMMITS} objects with sha and time", form="commits")


def read(kind: FieldType, where: str, value: Any) -> Any:
    """Return *value* as an event holds it; raises InvalidEvent that names the field *where* it stood."""
    if kind.printable and isinstance(value, str) and len(value) <= kind.longest and value.isprintable():
        return value  # as nearly every one is; half of a surrogate pair is not printable
    if kind.form == "time":
        return _read_time(value, where, where)
    if kind.form == "commits":
        return _read_commits(kind, where, value)
    if isinstance(value, str) and kind.takes(value):
        return value.lower() if kind is SHA else value
    raise InvalidEvent(f"{where}: expected {kind.expected}, got {misfit(kind, value)}", where)


def misfit(kind: FieldType, value: Any) -> str:
    """Name a value that the type does not take, for the right half of `expected, got`."""
    if isinstance(value, str) and len(value) > kind.longest:
        return f"{len(value)} characters, {kind.longest} are allowed"
    if isinstance(value, str) and not _writable(value):
        return "half of a surrogate pair"
    return got(value)


def _read_time(value: Any, where: str, field: str) -> str:
    if isinstance(value, datetime):
        return text_of(value)
    try:
        return text_of(parse(value, where))
    except ValueError as error:
        raise InvalidEvent(str(error), field) from None


def _read_commits(kind: FieldType, where: str, value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or len(value) > MOST_COMMITS:
        raise InvalidEvent(f"{where}: expected {kind.expected}, got {got(value)}", where)
    commits = []
    for index, commit in enumerate(value):
        place = f"{where}[{index}]"
        if not isinstance(commit, dict):
            raise InvalidEvent(f"{place}: expected an object with sha and time, got {got(commit)}", where)
        sha = commit.get("sha")
        if not isinstance(sha, str) or not SHA.fits(sha):
            raise InvalidEvent(f"{place}.sha: expected {SHA.expected}, got {got(sha)}", where)
        read_commit = {"sha": sha.lower()}
        if commit.get("time") is not None:
            read_commit["time"] = _read_time(commit["time"], f"{place}.time", where)
        commits.append(read_commit)
    return commits


def _writable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
