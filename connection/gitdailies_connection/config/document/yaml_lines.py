"""Add lines to the text of gitdailies.yml, and remove them. Pure, and every other byte stays as it is.

A library that writes the whole file again would change its indentation and the braces of other lines.
"""

import re
from collections.abc import Sequence
from typing import Any

from gitdailies_core.errors import UsageError

from gitdailies_connection.config.document import yaml_document

FILE = "gitdailies.yml"
BY_HAND = "write the line by hand"
_INDENT = "  "


def with_entry(text: str, heading: str, name: str, lines: Sequence[str], value: Any) -> str:
    """Return *text* with the *lines* of an entry, the first one under *heading*.

    The lines have no indentation of the heading's. *value* is what they mean; nothing else may change. Raises
    UsageError if *heading* is not written as lines, and ConfigurationError for a text that is not valid YAML.
    """
    document = yaml_document.parse(text, FILE)
    written = _inserted(text, document, heading, lines)
    wanted = dict(document.value or {})
    wanted[heading] = {**(wanted.get(heading) or {}), name: value}
    if yaml_document.parse(written, FILE).value != wanted:
        raise UsageError(f"{heading}: no line can be added to it as it is written; {BY_HAND}")
    return written


def changed_entry(text: str, heading: str, name: str, braces: str, value: Any) -> str:
    """Return *text* with other *braces* behind the name of an entry, or without its line if *value* is None.

    *value* is what they mean; a comment stays. Raises UsageError unless the entry is written as
    `NAME: {…}` on one line, and ConfigurationError for a text that is not valid YAML.
    """
    document, lines = yaml_document.parse(text, FILE), text.splitlines(keepends=True)
    at = document.line((heading, name)) - 1
    found = re.fullmatch(r"(.+?:\s*)\{[^{}]*\}(\s*(?:#.*)?\s*)", lines[at])
    if found is not None:
        lines[at] = "" if value is None else f"{found[1]}{braces}{found[2]}"
    entries = {**document.value[heading], name: value}
    wanted = {
        **document.value,
        heading: {key: one for key, one in entries.items() if one is not None} or None,
    }
    written = "".join(lines)
    if found is None or yaml_document.parse(written, FILE).value != wanted:
        raise UsageError(f"{heading}.{name}: line {at + 1} is not written in braces alone; change it by hand")
    return written


def without_entry(text: str, heading: str, name: str, lines: Sequence[str]) -> str:
    """Return *text* without the *lines* of an entry, as `with_entry` wrote them.

    Raises UsageError if a person changed or removed them.
    """
    document = yaml_document.parse(text, FILE)
    refused = UsageError(f"{heading}.{name}: its lines were changed; remove them by hand")
    if (heading, name) not in document.places:
        raise refused
    number, column = document.places[heading, name]
    indent = " " * (column - 1)
    kept = text.splitlines(keepends=True)
    block = kept[number - 1 : number - 1 + len(lines)]
    after = next((line for line in kept[number - 1 + len(lines) :] if line.strip()), "")
    # A comment that is deeper than the entry belongs to it.
    if [line.rstrip("\r\n") for line in block] != [indent + line for line in lines] or after.startswith(
        f"{indent} "
    ):
        raise refused
    written = "".join([*kept[: number - 1], *kept[number - 1 + len(lines) :]])
    wanted = dict(document.value)
    wanted[heading] = {key: value for key, value in wanted[heading].items() if key != name} or None
    if yaml_document.parse(written, FILE).value != wanted:
        raise refused
    return written


def _inserted(text: str, document: yaml_document.Document, heading: str, entry: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if (heading,) not in document.places:
        before = "" if not lines or lines[-1].endswith("\n") else end
        added = "".join(f"{_INDENT}{line}{end}" for line in entry)
        return f"{text}{before}{end}{heading}:{end}{added}"
    at = document.line((heading,))
    head = lines[at - 1].rstrip("\r\n")
    if not re.fullmatch(rf"""['"]?{heading}['"]?\s*:\s*(#.*)?""", head):
        raise UsageError(f"{heading}: it is written in braces or with an anchor; {BY_HAND}")
    starts = [place for path, place in document.places.items() if len(path) == 2 and path[0] == heading]
    indent = " " * (min(starts)[1] - 1) if starts else _INDENT
    ended = lines[at - 1] if lines[at - 1].endswith("\n") else lines[at - 1] + end
    added = "".join(f"{indent}{line}{end}" for line in entry)
    return "".join([*lines[: at - 1], ended, added, *lines[at:]])
