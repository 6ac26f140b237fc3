"""Which stored SHAs name the commit of another one. Two name the same if one begins with the other.

Most repositories have SHAs of one length, and then only the very same is looked up, however many have
their first digits in common. Where there are shorter ones, each length is looked up; where there are
longer ones, those that begin with the SHA are.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.figures.history.commits import SHORTEST_SHA
from gitdailies_dora.sql.bulk import Lookup, insert_many, lookup_many

Where = TypeVar("Where", bound=Hashable)

# Behind every SHA that begins with another one: no digit sorts behind it.
_BEHIND = "g"


class Column(NamedTuple):
    """A column of SHAs: the columns of the target that they are looked up in, and how to find longer ones."""

    target: str
    longer: tuple[Lookup, ...]


# A deploy that brought its commit is found by the commit.
DEPLOYED = Column("repo, environment, service", (statements.LONGER_DEPLOYED, statements.LONGER_MENTIONED))
MENTIONED = Column("repo, environment, service", (statements.LONGER_MENTIONED,))
MENTIONED_ANYWHERE = Column("repo, environment", (statements.LONGER_MENTIONED_ANYWHERE,))
REVERTED = Column("repo, environment, service", (statements.LONGER_REVERTED,))
CAUSES = Column("repo, environment", (statements.LONGER_CAUSES,))


class Lengths:
    """The lengths of the SHAs of repositories, inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: dict[str, set[int]] = {}

    def note(self, shas: Iterable[tuple[str, str]]) -> None:
        """Note SHAs that are about to be stored, each behind its repository."""
        given = {(repo, len(sha)) for repo, sha in shas}
        self._load({repo for repo, _ in given})
        new = sorted((repo, length) for repo, length in given if length not in self._of[repo])
        insert_many(self._session, "figures_lengths", "repo, +length", new)
        for repo, length in new:
            self._of[repo].add(length)

    def matching(
        self, column: Column, wanted: Iterable[tuple[tuple[str, ...], str]]
    ) -> dict[tuple[tuple[str, ...], str], list[str]]:
        """Return, by target and SHA, the SHAs to look up there: the same one, shorter and longer ones."""
        keys = sorted(set(wanted))
        self._load({target[0] for target, _ in keys})
        found: dict[tuple[tuple[str, ...], str], list[str]] = {}
        longer: list[tuple[Any, ...]] = []
        for number, (target, sha) in enumerate(keys):
            lengths = self._of[target[0]]
            if len(lengths) < 2 and len(sha) in lengths:
                found[target, sha] = [sha]
                continue
            shorter = [sha[:end] for end in lengths if SHORTEST_SHA <= end < len(sha)]
            found[target, sha] = [sha, *shorter]
            if any(length > len(sha) for length in lengths):
                longer.append((number, *target, sha, sha + _BEHIND))
        columns = f"number, {column.target}, sha, behind"
        for lookup in column.longer:
            for number, sha in lookup_many(self._session, columns, longer, lookup):
                if sha not in found[keys[number]]:
                    found[keys[number]].append(sha)
        return found

    def _load(self, repos: Iterable[str]) -> None:
        missing = sorted(set(repos) - self._of.keys())
        self._of.update({repo: set() for repo in missing})
        rows = [(repo,) for repo in missing]
        for repo, length in lookup_many(self._session, "repo", rows, statements.LENGTHS):
            self._of[repo].add(length)


def by_sha(found: Mapping[tuple[tuple[str, ...], str], list[str]]) -> set[tuple[tuple[str, ...], str]]:
    """Return every target and SHA that is to be looked up."""
    return {(target, sha) for (target, _), shas in found.items() for sha in shas}
