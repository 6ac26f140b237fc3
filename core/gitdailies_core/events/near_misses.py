"""Names of fields that are probably typing errors. Pure.

An event may have fields that its kind does not have. A name that is close to one of its kind, or means
the same, is refused: stored as it is, `environmnet` would turn a deploy to staging into one to production.

`near_names` says what is close. The names of another kind mean themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import COMMIT_NAMES, COMMITS
from gitdailies_core.events.kind import Kind
from gitdailies_core.events.near_names import meant


def refuse_kind(body: Mapping[str, Any]) -> None:
    """Raise InvalidEvent for an event without `kind` that has a name close to it."""
    if "kind" not in body:
        for fault in _faults(body, frozenset({"kind"}), frozenset(), ""):
            raise fault


def refuse(body: Mapping[str, Any], kind: Kind) -> None:
    """Raise InvalidEvent for the names that are close to one of *kind*, and for the first in its commits."""
    if body.keys() <= kind.names_without_lists:
        return
    faults = list(_faults_of(body, kind))
    if faults:
        raise InvalidEvent.of(faults)


def _faults_of(body: Mapping[str, Any], kind: Kind) -> Iterator[InvalidEvent]:
    if not body.keys() <= kind.names:
        yield from _faults(body, kind.names, frozenset().union(*(other.names for other in KINDS)), "")
    for field in kind.lists:
        given = body.get(field.name) if field.type is COMMITS else None
        for index, commit in enumerate(given if isinstance(given, list) else ()):
            if isinstance(commit, dict) and not commit.keys() <= COMMIT_NAMES:
                # A thousand commits have the same mistake.
                for fault in _faults(commit, COMMIT_NAMES, frozenset(), f"{field.name}[{index}]."):
                    yield fault
                    return


def _faults(
    names: Iterable[str], known: frozenset[str], foreign: frozenset[str], place: str
) -> Iterator[InvalidEvent]:
    for name in names:
        if field := meant(name, known, foreign):
            yield InvalidEvent(
                f"{place}{shown(name)}: this field does not exist; did you mean {field}?",
                place.partition("[")[0] or name,
            )


def shown(name: str) -> str:
    """Return the name of a field as a message has it: no character of it can harm a store or a terminal."""
    return name if name.isascii() and name.isprintable() else got(name)
