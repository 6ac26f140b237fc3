"""When two SHAs name one commit: people and tools cut them, to no fewer than seven digits."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")

SHORTEST = 7


def key(sha: str) -> int:
    """Return the number that all SHAs of one commit have in common."""
    return int(sha[:SHORTEST], 16)


def same(one: str, other: str) -> bool:
    """Whether one of two SHAs, both in lower case, begins with the other."""
    return one.startswith(other) or other.startswith(one)


class ByCommit(Generic[Value]):
    """Values by the commit that they belong to, however its SHA was cut."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, Value]]] = {}

    def add(self, sha: str, value: Value) -> None:
        self._found.setdefault(sha[:SHORTEST], []).append((sha, value))

    def of(self, sha: str) -> list[Value]:
        """Return the values of a commit, in the order in which they were added."""
        return [value for other, value in self._found.get(sha[:SHORTEST], ()) if same(sha, other)]


class Commits:
    """A set of commits."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {}

    def add(self, sha: str) -> None:
        self._found.setdefault(sha[:SHORTEST], set()).add(sha)

    def __contains__(self, sha: str) -> bool:
        there = self._found.get(sha[:SHORTEST])
        return there is not None and (sha in there or any(same(sha, other) for other in there))
