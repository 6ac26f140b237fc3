"""Conditions: which deliveries and elements an entry reads, and which are held back with a reason.

    {labels.severity: [critical, page]}         one of several texts, without case; globs allowed
    {issue.pull_request: absent}                present, or absent
    {event_type: {not: test}}                   anything else, also nothing
    {revision: {same_as: previous.revision}}    the same as another value, also where both are nothing
    {image: {holds: commit}}                    a text with a whole commit in it

All paths of one mapping must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_core.error_text import got

from gitdailies_sources.language import git, globs, values
from gitdailies_sources.language.faults import Faults, Mistake, Place
from gitdailies_sources.language.nothing import as_text
from gitdailies_sources.language.scope import Scope

PRESENT, ABSENT, BECAUSE = "present", "absent", "because"

Check = Callable[[Scope], bool]


class Held(NamedTuple):
    """A condition that holds something back, and why."""

    holds: Check
    reason: str


def any_of(given: Any, place: Place, faults: Faults) -> Check:
    """Compile `when`: one mapping, or a list. One mapping of a list must hold."""
    if isinstance(given, Mapping):
        return _mapping(given, place, faults)
    checks = [_mapping(one, (*place, index), faults) for index, one in enumerate(given)]
    return lambda scope: any(check(scope) for check in checks)


def skip_if(given: Sequence[Mapping[str, Any]], place: Place, faults: Faults) -> list[Held]:
    """Compile `skip_if`: what holds is ignored."""
    return [_held(one, (*place, index), faults, when=True) for index, one in enumerate(given)]


def only_if(given: Sequence[Mapping[str, Any]], place: Place, faults: Faults) -> list[Held]:
    """Compile `only_if`: what does not hold is ignored."""
    return [_held(one, (*place, index), faults, when=False) for index, one in enumerate(given)]


def _held(given: Mapping[str, Any], place: Place, faults: Faults, *, when: bool) -> Held:
    check = _mapping(given, place, faults)
    if BECAUSE not in given:
        faults.add((*place, BECAUSE), "expected the reason why it is not counted, got nothing")
    return Held(check if when else lambda scope: not check(scope), str(given.get(BECAUSE, "")))


def _mapping(given: Mapping[str, Any], place: Place, faults: Faults) -> Check:
    checks = []
    for path, wanted in given.items():
        if path == BECAUSE:
            continue
        try:
            checks.append(_check(path, wanted, (*place, path), faults))
        except Mistake as mistake:
            faults.add((*place, path), str(mistake))
    if not checks and not faults.found:
        faults.add(place, "expected at least one path with the text that it must have, got none")
    if len(checks) == 1:
        return checks[0]
    return lambda scope: all(check(scope) for check in checks)


def _check(path: str, wanted: Any, place: Place, faults: Faults) -> Check:
    raws = values.compiled(path, place, faults).raws
    if isinstance(wanted, Mapping):
        if "same_as" in wanted:
            other = values.compiled(wanted["same_as"], (*place, "same_as"), faults)
            return _same(raws, other.raws)
        if "holds" in wanted:
            return lambda scope: any(git.commit_in(as_text(raw) or "") for raw in raws(scope))
        if set(wanted) != {"not"}:
            raise Mistake("expected a text, a list of texts, present, absent or {not: …}, got another object")
        inner = _check(path, wanted["not"], place, faults)
        return lambda scope: not inner(scope)
    if wanted == PRESENT:
        return lambda scope: bool(raws(scope))
    if wanted == ABSENT:
        return lambda scope: not raws(scope)
    return _one_of(raws, wanted if isinstance(wanted, list) else [wanted])


def _one_of(raws: Callable[[Scope], Sequence[Any]], wanted: Sequence[Any]) -> Check:
    """Compile a check for one of several texts and globs."""
    texts = [_wanted(one) for one in wanted]
    if not texts:
        raise Mistake("expected at least one text, got an empty list")
    exact = frozenset(text for text in texts if not globs.is_glob(text))
    fitting = [globs.compiled(text) for text in texts if globs.is_glob(text)]

    def check(scope: Scope) -> bool:
        for raw in raws(scope):
            text = as_text(raw)
            if text is None:
                continue
            text = text.lower()
            if text in exact:
                return True
            for fits in fitting:
                if fits(text):
                    return True
        return False

    return check


def _same(raws: Callable[[Scope], Sequence[Any]], others: Callable[[Scope], Sequence[Any]]) -> Check:
    return lambda scope: list(raws(scope)) == list(others(scope))


def _wanted(value: Any) -> str:
    text = None if value is None else as_text(value)
    if text is None and isinstance(value, str):
        text = value.strip()
    if text is None:
        raise Mistake(f"expected a text, a number, true or false, got {got(value)}; write absent for nothing")
    return text.lower()
