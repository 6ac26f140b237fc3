"""The path that was meant where a path found nothing: one name of it is misspelled."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from gitdailies_sources.language.scope import Scope

_IN_TEMPLATE = re.compile(r"\$\{([^{}]*)\}")
_PLAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*")


def nearest(text: str, scope: Scope) -> str:
    """Return the path that *text* may have meant in this delivery, or "".

    *text* is a path, a template, or several paths with "or" between them. Only names alone are tried.
    """
    for path in _IN_TEMPLATE.findall(text) or text.split(" or "):
        if _PLAIN.fullmatch(path):
            for found in _corrected(path.split("."), scope):
                return found
    return ""


def hint(text: str, scope: Scope) -> str:
    """Return `; did you mean X` for a path that found nothing, or ""."""
    found = nearest(text, scope)
    return f"; did you mean {found}" if found else ""


def _corrected(names: list[str], scope: Scope) -> Iterator[str]:
    value: Any = {"body": scope.body} if names[0] == "body" else scope.element
    for number, name in enumerate(names):
        if not isinstance(value, dict):
            return
        if name not in value:
            close = _close(name, value)
            if close:
                yield ".".join([*names[:number], close, *names[number + 1 :]])
            return
        value = value[name]


def _close(name: str, fields: dict[Any, Any]) -> str:
    # Another case is the nearest of all. A field that is far away is another one: `created` for `closed`.
    by_folded = {str(field).casefold(): str(field) for field in fields}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.8)
    return by_folded[found[0]] if found else ""
