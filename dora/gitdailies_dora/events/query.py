"""Read query strings: names and values are checked, and unknown names are refused. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from gitdailies_core.error_text import got
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.receivers import KEY_HEADER
from gitdailies_core.values.renames import NO_RENAMES, Renames

from gitdailies_dora.accounts.keys.webhook_key import contains_key
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.answers.selection import parse_moment

MOST_LISTED = 1_000_000
LISTED = 1000
_MOST_PARAMETERS = 50
_LONGEST_NUMBER = 18
# The largest `after`: more events than any store holds.
LATEST_AFTER = 10**_LONGEST_NUMBER - 1

# The schema of a parameter that takes any text. PostgreSQL cannot store a null character.
TEXT: Mapping[str, str] = {"type": "string", "pattern": r"^[^\u0000]*$"}

# Filters: the name in the query, the column in the store, whether upper and lower case differ.
FILTERS: Mapping[str, tuple[str, bool]] = {
    "kind": ("kind", True),
    "repo": ("repo", False),
    "environment": ("environment", False),
    "service": ("service", False),
    "incidentId": ("incident_id", True),
}

# The order of a list: as events were received, or as they happened.
RECEIVED, HAPPENED = "received", "happened"
ORDERS = (RECEIVED, HAPPENED)
# Where a list begins: with the first event in its order, or with the last.
FORWARD, BACKWARD = "forward", "backward"
DIRECTIONS = (FORWARD, BACKWARD)
# Before and after every time that an event may have.
EARLIEST, LATEST = -(2**62), 2**62
# Filters that need teams or derived rows: `derived.read.events.event_filters`.
TEAM, OUTCOME = "team", "outcome"
# The outcomes of a deploy that only several rows together tell.
REWORK, INFERRED = "rework", "inferred-fix"
RECOVERED, STILL_OPEN, BY_REMEDY, RECOVERY_UNKNOWN = (
    "recovered",
    "still-open",
    "by-remedy",
    "recovery-unknown",
)
_PARAMETERS = ("limit", "after", *FILTERS, TEAM, OUTCOME, "from", "to", "q", "order", "direction")
_LIKE_SPECIAL = re.compile(r"[!%_]")
_POSITION = re.compile(r"(-?[0-9]{1,18}),([0-9]{1,18})")
# A cursor is a position behind the epoch of its store. Those of a release before had a position alone.
CURSOR = r"^([0-9a-f]{8}\.)?(-?[0-9]{1,18},)?[0-9]{1,18}$"

# Names under which people put keys into addresses, without "-" and "_" and in lower case.
_KEY_NAMES = frozenset({"key", "webhookkey", "apikey", "token", "accesstoken", "auth", "authorization"})


class Position(NamedTuple):
    """The place of an event in a list: its time (µs) and its number. By arrival, the number alone counts."""

    time: int
    seq: int

    def text(self, order: str) -> str:
        """Return the cursor of this position, as it is in an address."""
        return f"{self.time},{self.seq}" if order == HAPPENED else str(self.seq)


BEGINNING, END = Position(EARLIEST, 0), Position(LATEST, LATEST)


class Condition(NamedTuple):
    """A condition of SQL with `?` for each of its values; "" holds for all."""

    text: str
    values: tuple[Any, ...]

    def and_(self, text: str, *values: Any) -> "Condition":
        return Condition(f"{self.text} AND {text}" if self.text else text, (*self.values, *values))


@dataclass(frozen=True)
class Wanted:
    """The events to list, and their order.

    An empty filter matches events without that field. An event at `since` is wanted, one at `until` is
    not. `search` is text that an event contains anywhere, in any case. `team` and `outcome` are names, "" for
    any. `also` is what they mean, once `derived.read.events.event_filters` has looked that up. A repository
    has the events of its former names, too, by `renames`.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None
    search: str = ""
    order: str = RECEIVED
    team: str = ""
    outcome: str = ""
    also: tuple[Condition, ...] = ()
    renames: Renames = NO_RENAMES


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Listing:
    """Up to *limit* of the wanted events behind a position, the first in their order first.

    A list that goes *backward* begins with the last event. *epoch* is that of the cursor, "" without one.
    """

    limit: int
    after: Position
    wanted: Wanted
    backward: bool = False
    epoch: str = ""


def like(text: str) -> str:
    """Return what LIKE compares with *text* itself, with ESCAPE '!'."""
    return _LIKE_SPECIAL.sub(r"!\g<0>", text)


def refuse_keys(query: str) -> None:
    """Raise Refusal for a key in the address, since servers and proxies log addresses."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower().replace("-", "").replace("_", "") in _KEY_NAMES or contains_key(value):
            raise refusal(
                "key-in-url",
                f"query: a key does not belong in the address; send it in the header {KEY_HEADER}, "
                "and replace this key, since logs may contain it now",
            )


def listing(query: str, zone: tzinfo = UTC, renames: Renames = NO_RENAMES) -> Listing:
    """Read the query of a list of events; a date in it is its midnight in *zone*. Raises Refusal."""
    given = parameters(query, _PARAMETERS)
    words = tuple(kind.word for kind in KINDS)
    one_of("kind", given.get("kind", words[0]), words)
    wanted = wanted_of(given, zone, renames)
    backward = one_of("direction", given.get("direction", FORWARD), DIRECTIONS) == BACKWARD
    cursor = given.get("after")
    after, epoch = END if backward else BEGINNING, ""
    if cursor is not None:
        epoch, _, text = cursor.rpartition(".") if re.match(CURSOR, cursor) else ("", "", cursor)
        after = position(text, wanted.order)
    return Listing(
        limit=number("limit", given.get("limit", str(LISTED)), 1, MOST_LISTED),
        after=after,
        wanted=wanted,
        backward=backward,
        epoch=epoch,
    )


def refuse_gone(listing: Listing, epoch: str, last_ever: int) -> None:
    """Raise Refusal for a cursor of another epoch, or of an event that the store never had."""
    beyond = listing.after.seq > last_ever and listing.after != END
    if beyond or listing.epoch not in ("", epoch):
        raise refusal(
            "gone",
            "after: this cursor was given before the store was restored; read the list again without it: "
            "an event that you have has the id that it had",
        )


def wanted_of(given: Mapping[str, str], zone: tzinfo, renames: Renames = NO_RENAMES) -> Wanted:
    """Read which events are wanted, from the parameters that an address may have. Raises Refusal."""
    order = one_of("order", given.get("order", RECEIVED), ORDERS)
    try:
        since, until = (
            parse_moment(given[name], name, zone) if given.get(name) else None for name in ("from", "to")
        )
    except ValueError as error:
        raise refusal("request", str(error)) from None
    filters = {name: value for name, value in given.items() if name in FILTERS}
    return Wanted(
        filters,
        since,
        until,
        given.get("q", ""),
        order,
        team=given.get(TEAM, ""),
        outcome=given.get(OUTCOME, ""),
        renames=renames,
    )


def position(text: str, order: str) -> Position:
    """Read the cursor of a list; raises Refusal."""
    if order == RECEIVED:
        return Position(EARLIEST, number("after", text, 0, LATEST_AFTER))
    found = _POSITION.fullmatch(text)
    if found is None:
        raise refusal("request", f"after: expected the `next` of the page before, got {got(text)}")
    return Position(int(found[1]), int(found[2]))


def one_of(name: str, text: str, words: Sequence[str]) -> str:
    """Check that a parameter has one of *words*; raises Refusal."""
    if text not in words:
        raise refusal("request", f"{name}: expected one of {', '.join(words)}, got {got(text)}")
    return text


def validate_only(query: str) -> bool:
    """Return whether the query of a POST asks to check the events without storing them."""
    text = parameters(query, ("validate",)).get("validate", "false")
    return one_of("validate", text, ("true", "false")) == "true"


def refuse_parameters(query: str) -> None:
    """Raise Refusal for a query with any parameter."""
    parameters(query, ())


def parameters(query: str, names: Sequence[str]) -> dict[str, str]:
    """Read a query whose parameters are among *names*, each at most once; raises Refusal."""
    return {name: values[0] for name, values in repeated_parameters(query, names, ()).items()}


def repeated_parameters(query: str, names: Sequence[str], repeated: Sequence[str]) -> dict[str, list[str]]:
    """Read a query whose parameters are among *names*, with all values of those that may be *repeated*.

    Raises Refusal.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise refusal("request", "query: expected name=value pairs in UTF-8, got other text") from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in given and name not in repeated:
            raise refusal("request", f"{name}: given twice; give it once")
        if name not in names:
            known = f"expected one of {', '.join(names)}" if names else "expected no parameters"
            raise refusal("request", f"query: {known}, got {got(name)}")
        if "\x00" in value:
            raise refusal("request", f"{name}: expected text without null characters, got one")
        given.setdefault(name, []).append(value)
    return given


def number(name: str, text: str, low: int, high: int) -> int:
    """Read a whole number between two bounds; raises Refusal."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and low <= int(text) <= high:
        return int(text)
    raise refusal("request", f"{name}: expected a whole number from {low} to {high}, got {got(text)}")
