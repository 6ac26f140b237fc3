"""The tree of errors in the module's docstring is the tree of classes."""

import inspect
import re

import pytest
from gitdailies_core import errors
from gitdailies_core.errors import GitDailiesError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, GitDailiesError)]


def drawn() -> dict[str, str]:
    """Read the tree: each class and the one above it."""
    above: list[tuple[int, str]] = []
    tree = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│ ]*)(?:[├└]── )?([A-Z]\w+)", line)
        if found:
            depth = found.start(2)
            above = [(column, name) for column, name in above if column < depth]
            tree[found[2]] = above[-1][1] if above else "Exception"
            above.append((depth, found[2]))
    return tree


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring shows every class below the class that it extends, and no other class."""
    assert drawn() == {c.__name__: c.__bases__[0].__name__ for c in CLASSES}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_the_tree_shows_statuses_and_exit_codes(error: type[GitDailiesError]) -> None:
    """A status or exit code that the docstring gives for a class is that class's."""
    line = next(
        line for line in (errors.__doc__ or "").splitlines() if re.search(rf"\b{error.__name__}\b", line)
    )

    for status in re.findall(r": (\d{3})\b", line):
        assert error.status_hint == int(status)
    for code in re.findall(r"exit (\d)", line):
        assert error.exit_code == int(code)
    assert error.status_hint in range(200, 600)
    assert error.exit_code in (1, 2, 3)
