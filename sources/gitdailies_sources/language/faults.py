"""The faults of a pack, collected while it is compiled, each with its place in the document."""

from collections.abc import Mapping
from typing import Any, TypeVar

# The keys and indexes from the top of a document to a value in it.
Place = tuple[str | int, ...]
T = TypeVar("T")


class Faults(dict[Place, str]):
    """What is wrong with a document: for each place the first text found.

    `paths` has each path and template that was compiled, by its place. `tables` has the value that each
    table reads, and the table. `wanted` has each text of a condition, the value, and the condition.
    """

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[Place, str] = {}
        self.tables: dict[Place, tuple[Any, Any]] = {}
        self.wanted: dict[Place, tuple[Any, Any, Any]] = {}


def below(found: Mapping[Place, T], place: Place) -> dict[Place, T]:
    """Return what is at *place*, or inside it."""
    return {where: one for where, one in found.items() if where[: len(place)] == place}


class Mistake(ValueError):
    """A text of the language that cannot be compiled. Its message is `expected X, got Y` or a remedy."""
