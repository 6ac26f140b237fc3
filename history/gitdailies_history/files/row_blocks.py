"""Make the events of many rows of a CSV file at once. Pure.

In a large file, many rows have the same filled columns, and most columns have few different values. Such rows
are taken together. Each value of a column is checked once, with the checks that `rows` makes of it.

A row is left to `rows` if it holds a list, or a value that a check would change or refuse. So are all rows if
the mapping asks for more than names of columns and texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import Kind, kind_of
from gitdailies_core.events.field_types import FieldType, normalize

from gitdailies_history.files import spreadsheet_times
from gitdailies_history.files.mapping import Rule
from gitdailies_history.files.rows import ReadOptions, Row
from gitdailies_history.plan.encoding import Encoded, encode_ascii


def of(block: Sequence[object], options: ReadOptions) -> list[Encoded | None]:
    """Return the event of each row of *block*, or None if `rows.of` has to read it.

    The rows are of one file. For anything else than a row of a CSV file there is None, too.
    """
    found: list[Encoded | None] = [None] * len(block)
    rule, fields = options.mapped.readings[0]
    if len(options.mapped.readings) > 1 or not rule.is_plain:
        return found
    kind = rule.column("kind")
    alike: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = {}
    for index, row in enumerate(block):
        if isinstance(row, Row) and not row.strays:
            shape = (row.values.get(kind), *map(bool, row.values.values()))
            alike.setdefault(shape, {})[index] = row.values
    for some in alike.values():
        for index, wire in zip(some, _wires(list(some.values()), rule, fields, options.latest), strict=False):
            found[index] = encode_ascii(wire) if wire else None
    return found


def _wires(
    some: Sequence[Mapping[str, Any]], rule: Rule, fields: Mapping[str, tuple[str, ...]], latest: datetime
) -> Iterator[dict[str, Any] | None]:
    """Yield each event in its wire form, None for a row that is left; or nothing, if all of them are."""
    texts = {name: [text] * len(some) for name, text in rule.texts.items()}
    for column, value in some[0].items():
        for name in fields.get(column, ()) if value else ():
            texts[name] = [values[column] for values in some]
    try:
        kind = kind_of(texts.get("kind", [None])[0])
    except InvalidEvent:
        return
    if not _is_complete(kind, texts):
        return
    checks = [(field.name, field.type) for field in kind.fields if field.name in texts]
    odd: set[int] = set()
    for name, type_ in checks:
        refused = {text for text in set(texts[name]) if not _is_plain(text, name, type_, latest)}
        if refused:
            odd.update(index for index, text in enumerate(texts[name]) if text in refused)
    names = ("kind", *(name for name, _ in checks))
    for index, row in enumerate(zip(*(texts[name] for name in names), strict=True)):
        yield None if index in odd else dict(zip(names, row, strict=True))


def _is_complete(kind: Kind, names: Mapping[str, object]) -> bool:
    """Whether rows that fill the fields *names* have all that an event of a history needs."""
    return all(field.name in names for field in kind.fields if field.required or field.name == "time")


def _is_plain(text: str, name: str, type_: FieldType, latest: datetime) -> bool:
    """Whether `rows` would take *text* as it is."""
    if type_.form == "time":
        moment = spreadsheet_times.read_usual(text)
        return moment is not None and (name != "time" or moment <= latest)
    try:
        return text == text.strip() and text == str(normalize(type_, name, text))
    except InvalidEvent:
        return False
