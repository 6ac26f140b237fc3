"""Globs: a text in which each `*` fits any characters. Without case. Matching takes linear time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


def is_glob(pattern: str) -> bool:
    return "*" in pattern


def compiled(pattern: str) -> Callable[[str], bool]:
    """Return a check of a text in lower case."""
    first, *others = pattern.strip().lower().split("*")
    if not others:
        return first.__eq__
    *inner, last = others

    def fits(text: str) -> bool:
        if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in inner:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return fits


class Table(Generic[T]):
    """A table by word, without case and outer spaces. Keys may be globs; an exact key goes first."""

    __slots__ = ("_exact", "_globs")

    def __init__(self, entries: Mapping[str, T]) -> None:
        self._exact = {key.strip().lower(): value for key, value in entries.items() if not is_glob(key)}
        self._globs = [(compiled(key), value) for key, value in entries.items() if is_glob(key)]

    def get(self, word: str) -> T | None:
        """Return the value of *word*; of several globs that fit, the first."""
        word = word.strip().lower()
        found = self._exact.get(word)
        if found is not None or not self._globs:
            return found
        return next((value for fits, value in self._globs if fits(word)), None)
