"""The faults of a pack, collected while it is compiled, each with its place in the document."""

from __future__ import annotations

# The keys and indexes from the top of a document to a value in it.
Place = tuple[str | int, ...]
# What is wrong with a document: for each place the first text found.
Faults = dict[Place, str]


class Mistake(ValueError):
    """A text of the language that cannot be compiled. Its message is `expected X, got Y` or a remedy."""
