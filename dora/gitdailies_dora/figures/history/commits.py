"""Collections of commits. Two SHAs name the same commit if one begins with the other.

Tools and people shorten them, to seven digits at least. A look-up takes the same time whatever the SHAs
look like, also if many of them have their first digits in common.
"""

from bisect import bisect_left, insort
from typing import Generic, TypeVar

SHORTEST_SHA = 7

# With this few SHAs, comparing each of them is the fastest.
_FEW = 8

Value = TypeVar("Value")


def same_commit(one: str, other: str) -> bool:
    """Whether two SHAs, both in lower case, name the same commit."""
    return one.startswith(other) or other.startswith(one)


class CommitSet:
    """A set of commits; a full SHA and a shortened one are the same element."""

    def __init__(self) -> None:
        self._groups: dict[str, list[str]] = {}  # by the first digits, each sorted

    def add(self, sha: str) -> None:
        group = self._groups.setdefault(sha[:SHORTEST_SHA], [])
        if not group or not _has(group, sha):
            insort(group, sha)

    def matching(self, sha: str) -> list[str]:
        """Return the SHAs in the set that name the same commit as *sha*."""
        group = self._groups.get(sha[:SHORTEST_SHA], [])
        if len(group) <= _FEW:
            return [other for other in group if same_commit(sha, other)]
        found = [sha[:end] for end in range(SHORTEST_SHA, len(sha)) if _has(group, sha[:end])]
        # The SHAs that begin with this one come one after another.
        for other in group[bisect_left(group, sha) :]:
            if not other.startswith(sha):
                break
            found.append(other)
        return found

    def __contains__(self, sha: str) -> bool:
        return bool(self.matching(sha))


class CommitMap(Generic[Value]):
    """Values by commit; a full SHA and a shortened one find each other's values."""

    def __init__(self) -> None:
        self._shas = CommitSet()
        self._values: dict[str, list[Value]] = {}

    def add(self, sha: str, value: Value) -> None:
        if sha not in self._values:
            self._shas.add(sha)
        self._values.setdefault(sha, []).append(value)

    def exact(self, sha: str) -> list[Value]:
        """Return the values that were added with this very SHA, in order."""
        return self._values.get(sha, [])

    def find(self, sha: str) -> list[Value]:
        """Return the values of a commit."""
        return [value for other in self._shas.matching(sha) for value in self._values[other]]


def _has(group: list[str], sha: str) -> bool:
    index = bisect_left(group, sha)
    return index < len(group) and group[index] == sha
