"""Names of fields that are probably typing errors. Pure.

An event may have fields that its kind does not have. A name that is close to one of its kind, or means
the same, is refused: stored as it is, `environmnet` would turn a deploy to staging into one to production.

close to a known name    equal but for case, `_` and `-`; or one edit away, for known names of four
                         letters or more; two, for eight or more. A swap of neighbors is one edit.
an alias                 another usual word for a field of this kind, such as `timestamp` or `env`
never                    the names of another kind, and names of three letters
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import KINDS, Kind
from gitdailies_core.events.field_types import COMMIT_NAMES, COMMITS

# Other usual words: for each, the fields that it may mean; the first that the kind has counts.
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
_LONGEST = 40


def refuse_kind(body: Mapping[str, Any]) -> None:
    """Raise InvalidEvent for an event without `kind` that has a name close to it."""
    if "kind" not in body:
        for fault in _faults(body, frozenset({"kind"}), frozenset(), ""):
            raise fault


def refuse(body: Mapping[str, Any], kind: Kind, kinds: tuple[Kind, ...] = KINDS) -> None:
    """Raise InvalidEvent for the names that are close to one of *kind*, and for the first in its commits."""
    if body.keys() <= kind.names_without_lists:
        return
    faults = list(_faults_of(body, kind, kinds))
    if faults:
        raise InvalidEvent.of(faults)


def _faults_of(body: Mapping[str, Any], kind: Kind, kinds: tuple[Kind, ...]) -> Iterator[InvalidEvent]:
    if not body.keys() <= kind.names:
        yield from _faults(body, kind.names, frozenset().union(*(other.names for other in kinds)), "")
    for field in kind.lists:
        given = body.get(field.name) if field.type is COMMITS else None
        for index, commit in enumerate(given if isinstance(given, list) else ()):
            if isinstance(commit, dict) and not commit.keys() <= COMMIT_NAMES:
                # A thousand commits have the same mistake.
                for fault in _faults(commit, COMMIT_NAMES, frozenset(), f"{field.name}[{index}]."):
                    yield fault
                    return


def meant(name: str, known: frozenset[str], foreign: frozenset[str] = frozenset()) -> str:
    """Return the name of *known* that *name* probably means, or "".

    *foreign* are names of other kinds: they mean themselves.
    """
    if name in known or name in foreign or len(name) > _LONGEST:
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
    # Folding makes two letters of some, such as ß.
    forms = {name, name.casefold()}
    close = [
        (edits, one)
        for one in sorted(known)
        if len(one) >= _FEWEST_LETTERS
        and (edits := min(_edits(form, to) for form in forms for to in {one, one.casefold()}))
        <= (2 if len(one) >= _TWO_EDITS_FROM else 1)
    ]
    return min(close)[1] if close else ""


def _faults(
    names: Iterable[str], known: frozenset[str], foreign: frozenset[str], place: str
) -> Iterator[InvalidEvent]:
    for name in names:
        if field := meant(name, known, foreign):
            yield InvalidEvent(
                f"{place}{_shown(name)}: this field does not exist; did you mean {field}?",
                place.partition("[")[0] or name,
            )


def _shown(name: str) -> str:
    return name if name.isascii() and name.isprintable() else got(name)


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
