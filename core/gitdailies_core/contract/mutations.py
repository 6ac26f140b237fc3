"""Make broken bodies from an adapter's examples: one field is removed or replaced in each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitdailies_core.sources.request import Request

# Each field of a payload is replaced by each of these values, one at a time.
REPLACEMENTS: tuple[Any, ...] = (
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
_WRITTEN = [(json.dumps(value)[:40], json.dumps(value, ensure_ascii=False)) for value in REPLACEMENTS]
# It stands for a replacement while the body around it is written once for all of them.
_PLACE = "the place of the replacement"
_CUTS = 50

Path = tuple[str | int, ...]


@dataclass
class Example:
    """One example of an adapter: its request, the options and the expected outcome."""

    name: str
    request: Request
    options: Mapping[str, Any]
    expected: Any


def mutations(
    request: Request, is_chosen: Callable[[Path], bool] = lambda _path: True
) -> Iterator[tuple[str, bytes]]:
    """Yield copies of the body: each lacks one field, or has one of REPLACEMENTS in its place.

    *is_chosen* decides from a field's path whether to change it.
    Each copy comes with a description of the change. A body that is not JSON, such as a form, is
    cut short at many places instead.
    """
    try:
        whole = json.loads(request.body)
    except ValueError:
        for cut in range(0, len(request.body), max(1, len(request.body) // _CUTS)):
            yield f"the body cut at {cut}", request.body[:cut]
        return
    for path in filter(is_chosen, paths_in(whole)):
        where = ".".join(str(step) for step in path)
        parent, last = value_at(whole, path[:-1]), path[-1]
        original = parent[last]
        parent[last] = _PLACE
        before, _, after = json.dumps(whole).partition(json.dumps(_PLACE))
        for shown, written in _WRITTEN:
            yield f"{where} = {shown}", f"{before}{written}{after}".encode()
        del parent[last]
        yield f"{where} removed", json.dumps(whole).encode()
        if isinstance(parent, list):
            parent.insert(int(last), original)
        else:
            parent[last] = original


def paths_in(value: Any, path: Path = ()) -> list[Path]:
    """Return the path of every value inside *value*, outer values first."""
    steps: Sequence[Any] = ()
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = range(len(value))
    found = [path] if path else []
    for step in steps:
        found.extend(paths_in(value[step], (*path, step)))
    return found


def value_at(value: Any, path: Path) -> Any:
    """Return the value at *path* inside *value*."""
    for step in path:
        value = value[step]
    return value
