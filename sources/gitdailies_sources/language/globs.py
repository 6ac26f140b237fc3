"""Tables whose keys may be globs: a text in which each `*` fits any characters."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from gitdailies_core.values import patterns

T = TypeVar("T")


class Table(Generic[T]):
    """A table by word, without case and outer spaces. Keys may be globs; an exact key goes first."""

    __slots__ = ("_exact", "_globs")

    def __init__(self, entries: Mapping[str, T]) -> None:
        named = {key.strip().lower(): value for key, value in entries.items()}
        self._exact = {key: value for key, value in named.items() if not patterns.is_pattern(key)}
        self._globs = [(patterns.pattern(key), named[key]) for key in named if patterns.is_pattern(key)]

    def get(self, word: str) -> T | None:
        """Return the value of *word*; of several globs that fit, the first."""
        word = word.strip().lower()
        found = self._exact.get(word)
        if found is not None or not self._globs:
            return found
        return next((value for glob, value in self._globs if glob.match(word)), None)
