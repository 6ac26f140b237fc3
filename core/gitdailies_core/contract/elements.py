"""Check that a list of messages is read element by element, and that an unknown word never counts.

In a list of fifty, one element is broken. The other forty-nine count.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gitdailies_core.contract.mutations import Example, paths_in, value_at
from gitdailies_core.sources.protocol import Adapter, Ignored, Message
from gitdailies_core.sources.request import Request

GROUP = 50
UNKNOWN = "a-word-that-no-vendor-has"


def faults(adapter: Adapter, cases: Sequence[Example]) -> Iterator[str]:
    """Yield what is wrong, for the adapters that name the list that they read."""
    listed: set[str] = set()
    for case in cases:
        body = _decoded(case.request)
        if body is None:
            continue
        yield from _unknown_word_faults(adapter, case, body)
        for name in getattr(adapter, "lists", ()):
            if name not in listed and _is_list_of_one_that_counts(adapter, case, body, name):
                listed.add(name)
                yield from _group_faults(adapter, case, body, name)


def _decoded(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def _is_list_of_one_that_counts(adapter: Adapter, case: Example, body: Any, name: str) -> bool:
    elements = body.get(name) if isinstance(body, dict) else None
    if not isinstance(elements, list) or not elements:
        return False
    alone = {**body, name: elements[:1]}
    return len(_counting(_translated(adapter, case, alone))) == 1


def _group_faults(adapter: Adapter, case: Example, body: Any, name: str) -> Iterator[str]:
    """Make fifty of an element, break one, and expect that the others count."""
    group = {**body, name: [copy.deepcopy(body[name][0]) for _ in range(GROUP)]}
    group[name][7] = 7
    counted = len(_counting(_translated(adapter, case, group)))
    if counted != GROUP - 1:
        yield (
            f"examples/{case.name}: expected {GROUP - 1} messages of {GROUP} in {name}, one of them broken, "
            f"got {counted}; read each element by itself"
        )


def _unknown_word_faults(adapter: Adapter, case: Example, body: Any) -> Iterator[str]:
    """Put an unknown word in the place of each field that holds the message's word."""
    words = {message.word for message in _translated(adapter, case, body) if not isinstance(message, Ignored)}
    for path in paths_in(body):
        if not isinstance(value_at(body, path), str) or value_at(body, path) not in words:
            continue
        changed = copy.deepcopy(body)
        value_at(changed, path[:-1])[path[-1]] = UNKNOWN
        for message in _counting(_translated(adapter, case, changed)):
            if message.word == UNKNOWN:
                where = ".".join(map(str, path))
                yield f"examples/{case.name} with {where} = {UNKNOWN}: expected no count, got one"


def _translated(adapter: Adapter, case: Example, body: Any) -> tuple[Message, ...]:
    try:
        found = adapter.translate(case.request._replace(body=json.dumps(body).encode()), case.options)
    except Exception:  # noqa: BLE001  the checks of the example report other errors
        return ()
    # Anything else is reported there, too.
    return found if isinstance(found, tuple) else ()


def _counting(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if not isinstance(message, Ignored)]
