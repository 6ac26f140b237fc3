"""Bodies with one thing wrong: what an adapter must survive, made from its own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Union

from gitdailies_core.sources.request import Request

# What a field of a payload is replaced by, one at a time, beside being taken away.
MUTANTS: tuple[Any, ...] = (
    None,
    True,
    7,
    -1.5,
    10**30,
    "",
    " ",
    "null",
    "\x00\x1b[31m",
    "é" * 3000,
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999-23:59",
    [],
    {},
    [[]],
    [{}],
    {"id": {}},
)
_CUTS = 50

Path = tuple[Union[str, int], ...]


def mutations(request: Request) -> Iterator[tuple[str, bytes]]:
    """Yield bodies with one field of the JSON taken away or replaced, and what was done.

    What is not JSON, such as a form, is cut short instead, at many places.
    """
    try:
        whole = json.loads(request.body)
    except ValueError:
        for cut in range(0, len(request.body), max(1, len(request.body) // _CUTS)):
            yield f"the body cut at {cut}", request.body[:cut]
        return
    for path in paths(whole):
        where = ".".join(str(step) for step in path)
        parent, last = at(whole, path[:-1]), path[-1]
        kept = parent[last]
        for mutant in MUTANTS:
            parent[last] = mutant
            yield f"{where} = {json.dumps(mutant)[:40]}", json.dumps(whole).encode()
        del parent[last]
        yield f"{where} taken away", json.dumps(whole).encode()
        if isinstance(parent, list):
            parent.insert(int(last), kept)
        else:
            parent[last] = kept


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Return the way to every value inside *value*, from the outside in."""
    steps: Sequence[Any] = ()
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = range(len(value))
    found = [path] if path else []
    for step in steps:
        found.extend(paths(value[step], (*path, step)))
    return found


def at(value: Any, path: Path) -> Any:
    """Return what stands at the end of *path*."""
    for step in path:
        value = value[step]
    return value
