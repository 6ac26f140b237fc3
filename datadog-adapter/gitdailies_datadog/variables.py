"""The values that Datadog put in place of a template's variables, and its tags."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Service

Tags = Mapping[str, Sequence[str]]

# A variable that does not apply arrives empty or as this text.
_ABSENT = ("", "null")
_VARIABLE = re.compile(r"\$[A-Z_]+(\[[^\]]*\])?")
_LONGEST_ID = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def filled(body: Any) -> Fields:
    """Return the values of a rendered template without the absent ones.

    Numbers become text, for templates written without quotes. Raises PayloadError for a
    variable that was not replaced: as a key it would join every incident to one.
    """
    Fields(body)
    values: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            value = value.strip()
            if value in _ABSENT:
                continue
            if _VARIABLE.fullmatch(value):
                raise PayloadError(
                    f"{got(name)[1:-1]}: expected a value, got {got(value)}, which is no variable of Datadog"
                )
        values[name] = value
    return Fields(values)


def tags(text: str | None) -> Tags:
    """Read `env:prod,service:checkout-api`; a value may hold colons, a name may have several.

    A tag without a value is left out.
    """
    read: dict[str, list[str]] = {}
    for tag in (text or "").split(","):
        name, _, value = tag.strip().partition(":")
        if name and value and value not in read.get(name, ()):
            read.setdefault(name, []).append(value)
    return read


def with_template(tags: Tags, **named: str | None) -> Tags:
    """Add what only the template names, so that a filter by tag sees it."""
    return {**{name: [value] for name, value in named.items() if value}, **tags}


def services(given: str | None, tags: Tags) -> list[Service]:
    """Return the service that the template names, else every one of the tags.

    `$TAGS[service]` names one where there are several, so a name that the tags know too stands
    for all of theirs.
    """
    tagged = tags.get("service", ())
    names = tagged if given is None or given in tagged else (given,)
    return [Service(name) for name in names]


def environment(given: str | None, tags: Tags) -> str | None:
    """Return the environment that the template names, else that of the tags, if it is one."""
    tagged = tags.get("env", ())
    return given or (tagged[0] if len(tagged) == 1 else None)


def identity(text: str) -> str:
    """Return *text* as an incident's id: on one line, a long one cut and told apart by its hash."""
    line = _CONTROL.sub(" ", text).strip()
    if len(line) <= _LONGEST_ID:
        return line
    digest = hashlib.sha256(line.encode()).hexdigest()[:32]
    return f"{line[: _LONGEST_ID - len(digest) - 1]}-{digest}"
