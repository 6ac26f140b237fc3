"""The faults of a pack, collected while it is compiled, each with its place in the document."""

from __future__ import annotations

from dataclasses import dataclass, field

# The keys and indexes from the top of a document to a value in it.
Place = tuple[str | int, ...]


class Mistake(ValueError):
    """A text of the language that cannot be compiled. Its message is `expected X, got Y` or a remedy."""


@dataclass
class Faults:
    """What is wrong with a document: for each place the first text found."""

    found: dict[Place, str] = field(default_factory=dict)

    def add(self, place: Place, text: str) -> None:
        self.found.setdefault(place, text)
