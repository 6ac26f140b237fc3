"""What a writing transaction is about."""

import pytest
from gitdailies_server.storage.write_scope import EVERYTHING, MOST_NAMES, NotInScope, Scope, scope_of


def test_a_scope_has_what_it_names() -> None:
    """A scope asks for nothing but what it does not name; everything has all names."""
    scope = scope_of([("a",), ("b",), ("a",)])
    scope.require(("a",), ("b",))
    EVERYTHING.require(("c",))
    with pytest.raises(NotInScope, match="c"):
        scope.require(("a",), ("c",))
    with pytest.raises(NotInScope):
        Scope().require(("a",))


def test_too_many_names_are_everything() -> None:
    """Each name is a lock of the server, and its room for locks is bounded."""
    names = [(str(number),) for number in range(MOST_NAMES)]
    assert not scope_of(names).is_everything
    assert scope_of([*names, ("one more",)]) == EVERYTHING
