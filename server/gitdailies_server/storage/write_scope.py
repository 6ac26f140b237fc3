"""What a writing transaction is about: everything, or things that it names. Pure.

Transactions whose scopes have a name in common exclude each other, and one about everything excludes all.
So a transaction sees the things that it names as if it were alone, and may write about nothing else.

What a transaction will be about is a guess from its items. The guess need not be right: code that runs in a
scope asks `require` before it relies on a thing or writes about it. Where the thing is not named, the
transaction is undone, and its items are written again, about everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Name: TypeAlias = tuple[str, ...]

# Each name is a lock. PostgreSQL has room for 64 locks a connection unless set otherwise, all in all.
MOST_NAMES = 512


class NotInScope(Exception):
    """A transaction is about something that its scope does not name."""


@dataclass(frozen=True)
class Scope:
    """The *names* of the things that a transaction is about, or everything."""

    names: frozenset[Name] = frozenset()
    is_everything: bool = False

    def require(self, *names: Name) -> None:
        """Raise NotInScope if the transaction is not about what *names* name."""
        if not self.is_everything and not self.names.issuperset(names):
            raise NotInScope(names)


EVERYTHING = Scope(is_everything=True)


def scope_of(names: Iterable[Name]) -> Scope:
    """Return the scope of *names*: everything, if they are too many."""
    found = frozenset(names)
    return Scope(found) if len(found) <= MOST_NAMES else EVERYTHING
