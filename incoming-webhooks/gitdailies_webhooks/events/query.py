"""What a query string may say: checked against one table of names, refused where it says more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl

from gitdailies_core.error_text import got
from gitdailies_core.events.dialect import KEY_HEADER
from gitdailies_core.events.events import KINDS, Kind

from gitdailies_webhooks.accounts.keys import contains_key
from gitdailies_webhooks.events.problem import refusal

MOST_LISTED = 1_000_000
LISTED = 1000
_MOST_PARAMETERS = 50
_LONGEST_NUMBER = 18

# What a parameter may be in which any text stands: no text of PostgreSQL has a null character.
TEXT: Mapping[str, str] = MappingProxyType({"type": "string", "pattern": r"^[^\u0000]*$"})

# Filters: the name in the query, the column in the store, whether letters are compared with their case.
FILTERS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "kind": ("kind", True),
        "repo": ("repo", False),
        "environment": ("environment", False),
        "service": ("service", False),
        "incidentId": ("incident_id", True),
    }
)

# Names under which people put keys into addresses, without "-" and "_" and in lower case.
_KEY_NAMES = frozenset({"key", "webhookkey", "apikey", "token", "accesstoken", "auth", "authorization"})


@dataclass(frozen=True)
class Listing:
    """Which events to list: those after the cursor that match, oldest received first.

    An empty filter finds the events that have no such field.
    """

    limit: int
    after: int
    filters: Mapping[str, str]


def refuse_keys(query: str) -> None:
    """Raise Refusal where a key stands in the address: servers and proxies write addresses down."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower().replace("-", "").replace("_", "") in _KEY_NAMES or contains_key(value):
            raise refusal(
                "key-in-url",
                f"query: expected no key in the address, got one; send it in the header {KEY_HEADER}, "
                "and replace this one, which logs on its way may hold now",
            )


def listing(query: str, kinds: tuple[Kind, ...] = KINDS) -> Listing:
    """Read the query of a list of events."""
    given = parameters(query, ("limit", "after", *FILTERS))
    words = tuple(kind.word for kind in kinds)
    if given.get("kind", words[0]) not in words:
        raise refusal("request", f"kind: expected one of {', '.join(words)}, got {got(given['kind'])}")
    return Listing(
        limit=number("limit", given.get("limit", str(LISTED)), 1, MOST_LISTED),
        after=number("after", given.get("after", "0"), 0, 10**_LONGEST_NUMBER - 1),
        filters={name: value for name, value in given.items() if name in FILTERS},
    )


def validate_only(query: str) -> bool:
    """Read the query of an intake: whether it asks to check and to store nothing."""
    said = parameters(query, ("validate",)).get("validate", "false")
    if said not in ("true", "false"):
        raise refusal("request", f"validate: expected true or false, got {got(said)}")
    return said == "true"


def nothing(query: str) -> None:
    """Refuse whatever stands in the query."""
    parameters(query, ())


def parameters(query: str, names: Sequence[str]) -> dict[str, str]:
    """Read a query that may say *names*, each once; raises Refusal for whatever else it says."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise refusal("request", "query: expected name=value pairs in UTF-8, got something else") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in names:
            known = f"expected one of {', '.join(names)}" if names else "expected no parameters"
            raise refusal("request", f"query: {known}, got {got(name)}")
        if "\x00" in value:
            raise refusal("request", f"{name}: expected text, got a null character")
        if name in given:
            raise refusal("request", f"{name}: expected it once, got it twice")
        given[name] = value
    return given


def number(name: str, text: str, low: int, high: int) -> int:
    """Read a whole number between two bounds; raises Refusal."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and low <= int(text) <= high:
        return int(text)
    raise refusal("request", f"{name}: expected a whole number from {low} to {high}, got {got(text)}")
