"""Names that are probably typing errors of known ones. Pure.

close to a known name    equal except for case, `_` and `-`; or one edit away, for known names of four
                         letters or more; two, for eight or more. A swap of neighbors is one edit.
an alias                 another usual word for a known name, such as `timestamp` or `env`
never                    names of three letters
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

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
