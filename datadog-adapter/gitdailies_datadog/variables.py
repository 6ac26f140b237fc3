"""Read the values that replace the variables of a template, and Datadog's tags."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core import Fields, PayloadError, Service, got

Tags = Mapping[str, Sequence[str]]

NO_TIME = "date_ms: expected a time, got none"
# A variable without a value arrives empty or as this text.
_ABSENT = ("", "null")
_VARIABLE = re.compile(r"\$[A-Z_]+(\[[^\]]*\])?")
_LONGEST_ID = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def filled(body: Any) -> Fields:
    """Return the values of a rendered template. A variable without a value is null.

    Whole numbers become text, because a template may have no quotes. Raises PayloadError for a variable
    that was not replaced: as a key, it would make all incidents one.
    """
    Fields(body)
    values: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            value = value.strip()
            if value in _ABSENT:
                values[name] = None
                continue
            if _VARIABLE.fullmatch(value):
                raise PayloadError(
                    f"{got(name)[1:-1]}: expected a value, got {got(value)}, which is no variable of Datadog"
                )
        values[name] = value
    return Fields(values)


def tags(text: str | None) -> Tags:
    """Read tags like `env:prod,service:checkout-api` as a mapping of names to values.

    A value may contain colons, and a name may have several values. A tag without a value is left out.
    """
    values: dict[str, list[str]] = {}
    for tag in (text or "").split(","):
        name, _, value = tag.strip().partition(":")
        if name and value and value not in values.get(name, ()):
            values.setdefault(name, []).append(value)
    return values


def with_template(tags: Tags, **named: str | None) -> Tags:
    """Add values of the template as tags, so that filters by tag see them."""
    return {**{name: [value] for name, value in named.items() if value}, **tags}


def services(given: str | None, tags: Tags) -> list[Service]:
    """Return the service in the template, or the services in the tags.

    If there are several, `$TAGS[service]` has only one of them. So a name that is also a tag means
    all services in the tags.
    """
    tagged = tags.get("service", ())
    names = tagged if given is None or given in tagged else (given,)
    return [Service(name) for name in names]


def environment(given: str | None, tags: Tags) -> str | None:
    """Return the environment in the template, or the one in the tags if they have exactly one."""
    tagged = tags.get("env", ())
    return given or (tagged[0] if len(tagged) == 1 else None)


def identity(text: str) -> str:
    """Return *text* as an incident's id: on one line, and if too long, cut with a hash at the end."""
    line = _CONTROL.sub(" ", text).strip()
    if len(line) <= _LONGEST_ID:
        return line
    digest = hashlib.sha256(line.encode()).hexdigest()[:32]
    return f"{line[: _LONGEST_ID - len(digest) - 1]}-{digest}"
