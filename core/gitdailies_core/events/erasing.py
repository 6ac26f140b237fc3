"""Erase a text from an event, and change nothing that counts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitdailies_core.events.events import KINDS
from gitdailies_core.values.erased_text import ErasedText

# The fields that people read and no figure does. Fields that a kind does not have are of the same sort.
SHOWN_ONLY = frozenset({"title", "severity", "source", "url", "branch"})


class Erased(NamedTuple):
    """An event without the text, and the names of fields that keep it, because they count."""

    body: dict[str, Any]
    kept: tuple[str, ...]


def erase_text(body: Mapping[str, Any], text: ErasedText) -> Erased:
    """Put the mark in the place of *text*, in every field that does not count.

    A field whose type takes no mark, such as an address, is left out whole.
    """
    kind = next((one for one in KINDS if one.word == body.get("kind")), None)
    known = {} if kind is None else {one.name: one.type for one in kind.fields}
    left: dict[str, Any] = {}
    kept = []
    for name, value in body.items():
        if name == "kind" or not (text.is_in(name) or text.is_in_json(value)):
            left[name] = value
        elif name not in known:
            left[text.out_of(name)] = text.out_of_json(value)
        elif name not in SHOWN_ONLY:
            kept.append(name)
            left[name] = value
        elif known[name].accepts(marked := text.out_of(value)):
            left[name] = marked
    return Erased(left, tuple(kept))
