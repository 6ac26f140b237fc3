"""What a request asks for: the parameters of a list, and actions. Pure; a wrong one is a UsageError."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_server.storage.timestamps import to_us

from gitdailies_relay.api.outcomes import ACTIONS, CLOSE, OUTCOMES
from gitdailies_relay.api.service_writing import NewLine

MOST_LISTED, USUALLY_LISTED = 200, 50
LONGEST_TEXT = 300
_TRUTH = {"true": True, "false": False}
# Larger than every id, and smaller.
_AFTER_ALL, _BEFORE_ALL = "zzzzzzzz", ""


@dataclass(frozen=True)
class Choice:
    """Which deliveries: those that fit everything that is given. `since` is included, `until` is not.

    `q` is looked for in ids, words and reasons, with `bodies` also in stored bodies.
    """

    source: str | None = None
    outcome: str | None = None
    service: str | None = None
    repo: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    bodies: bool = False

    @property
    def first_id(self) -> str:
        """No id of a chosen delivery is smaller."""
        return _BEFORE_ALL if self.since is None else id_at(self.since)

    @property
    def end_id(self) -> str:
        """Every id of a chosen delivery is smaller."""
        return _AFTER_ALL if self.until is None else id_at(self.until)

    def to_json(self) -> dict[str, Any]:
        """Return it as `choice_of` reads it."""
        given = {
            "source": self.source,
            "outcome": self.outcome,
            "service": self.service,
            "repo": self.repo,
            "from": None if self.since is None else times.text_of(self.since),
            "to": None if self.until is None else times.text_of(self.until),
            "q": self.q,
            "bodies": "true" if self.bodies else None,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Listing:
    """A page of a list: at most `limit` of what is chosen, behind `after`, the `next` of the page before."""

    choice: Choice
    limit: int = USUALLY_LISTED
    after: str | None = None


@dataclass(frozen=True)
class Order:
    """What to do, why, and who asks for it. `incident` is the one to close."""

    action: str
    person: str
    reason: str = ""
    incident: str | None = None


@dataclass(frozen=True)
class OrderForMany:
    """An action on all that is chosen. With `dry_run` it is counted; `confirm` names what was counted."""

    order: Order
    choice: Choice
    dry_run: bool
    confirm: str = ""


@dataclass(frozen=True)
class MappingOrder:
    """A line to write for a service, and who asks for it."""

    line: NewLine
    person: str


@dataclass(frozen=True)
class PauseOrder:
    """What to pause or to resume: a source, or everything; who asks for it, and why."""

    source: str | None
    person: str
    reason: str


def pause_of(body: Mapping[str, Any], sources: Sequence[str], *, needs_reason: bool) -> PauseOrder:
    """Read what to pause or to resume; raises UsageError."""
    source = _text(body, "source", needed=False) or None
    return PauseOrder(
        _known_source(source, sources), _text(body, "person"), _text(body, "reason", needed=needs_reason)
    )


def mapping_of(body: Mapping[str, Any]) -> MappingOrder:
    """Read where a service counts; raises UsageError. `load` checks what is written."""
    ignore = body.get("ignore", False)
    if not isinstance(ignore, bool):
        raise UsageError("ignore: expected true or false, got something else")
    service = _text(body, "service")
    if ignore:
        return MappingOrder(NewLine(service, ignore=True), _text(body, "person"))
    environment = _text(body, "environment", needed=False)
    return MappingOrder(NewLine(service, _text(body, "repo"), environment), _text(body, "person"))


def person_of(body: Mapping[str, Any]) -> str:
    """Read who asks; raises UsageError."""
    return _text(body, "person")


def id_at(moment: datetime) -> str:
    """Return what is smaller than every id that `delivery_ids` makes at *moment* or later."""
    return f"d{max(to_us(moment), 0):014x}"


def listing_of(query: str, sources: Sequence[str]) -> Listing:
    """Read the query of a list; raises UsageError."""
    given = _parameters(query)
    limit = _whole_number(given.pop("limit", str(USUALLY_LISTED)), "limit", MOST_LISTED)
    after = given.pop("after", None)
    return Listing(choice_of(given, sources), limit, after)


def choice_of(given: Mapping[str, Any], sources: Sequence[str]) -> Choice:
    """Read what is chosen; raises UsageError that names the parameter."""
    known = ("source", "outcome", "service", "repo", "from", "to", "q", "bodies")
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{name}: expected one of {', '.join(known)}{did_you_mean(name, known)}")
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise UsageError(f"{name}: expected a text of at most {LONGEST_TEXT} characters")
    text = {name: value.strip() or None for name, value in given.items()}
    source, outcome = _known_source(text.get("source"), sources), text.get("outcome")
    if outcome is not None and outcome not in OUTCOMES:
        raise UsageError(f"outcome: expected one of {', '.join(OUTCOMES)}, got {got(outcome)}")
    since, until = _moment(text.get("from"), "from"), _moment(text.get("to"), "to")
    if since is not None and until is not None and since >= until:
        raise UsageError("from: expected a time before that of `to`, got a later one")
    return Choice(
        source,
        outcome,
        text.get("service"),
        text.get("repo"),
        since,
        until,
        text.get("q"),
        _truth(text.get("bodies"), "bodies"),
    )


def order_of(action: str, body: Mapping[str, Any]) -> Order:
    """Read an action on one delivery; raises UsageError."""
    if action not in ACTIONS:
        raise UsageError(f"action: expected one of {', '.join(ACTIONS)}, got {got(action)}")
    order = Order(action, _text(body, "person"), _text(body, "reason", needed=False))
    if action in ("discard", CLOSE) and not order.reason:
        raise UsageError(f"reason: expected a reason to {action} it, got nothing")
    return replace(order, incident=_text(body, "incident", needed=False) or None)


def order_for_many(body: Mapping[str, Any], sources: Sequence[str], now: datetime) -> OrderForMany:
    """Read an action on all that is chosen; raises UsageError. What comes after *now* is not chosen."""
    order = order_of(_text(body, "action"), body)
    if order.action == CLOSE:
        raise UsageError("action: expected replay, requeue or discard, got close; close incidents one by one")
    chosen = body.get("filter")
    if not isinstance(chosen, Mapping):
        raise UsageError("filter: expected an object with the parameters of a list, got something else")
    choice = choice_of(chosen, sources)
    if choice.outcome is None:
        raise UsageError("filter.outcome: expected the outcome of the deliveries, got nothing")
    dry_run = body.get("dryRun", False)
    if not isinstance(dry_run, bool):
        raise UsageError("dryRun: expected true or false, got something else")
    confirm = _text(body, "confirm", needed=not dry_run)
    return OrderForMany(order, replace(choice, until=choice.until or now), dry_run, confirm)


def confirmation(action: str, ids: Sequence[str]) -> str:
    """Return the token that names an action and exactly these deliveries."""
    return hashlib.sha256(json.dumps([action, *ids]).encode()).hexdigest()[:32]


def span_of(query: str) -> tuple[int, str | None, str | None]:
    """Read the query of the list of refusals: limit, source and `after`; raises UsageError."""
    given = _parameters(query)
    limit = _whole_number(given.pop("limit", str(USUALLY_LISTED)), "limit", MOST_LISTED)
    source, after = given.pop("source", None) or None, given.pop("after", None) or None
    for name in given:
        raise UsageError(f"{name}: expected one of source, limit, after, got another name")
    return limit, source, after


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise UsageError("query: expected at most 20 name=value pairs in UTF-8, got something else") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{name}: expected it once, got it twice")
        if "\x00" in value:
            raise UsageError(f"{name}: expected text without null characters, got one")
        found[name] = value
    return found


def _whole_number(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise UsageError(f"{name}: expected a whole number from 1 to {most}, got {got(text)}")
    return int(text)


def _known_source(name: str | None, sources: Sequence[str]) -> str | None:
    if name is not None and name not in sources:
        raise UsageError(f"source: expected one of {', '.join(sources) or 'none'}, got {got(name)}")
    return name


def _moment(text: str | None, name: str) -> datetime | None:
    try:
        return None if text is None else times.parse(text, name)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _truth(text: str | None, name: str) -> bool:
    if text is not None and text not in _TRUTH:
        raise UsageError(f"{name}: expected true or false, got {got(text)}")
    return text is not None and _TRUTH[text]


def _text(body: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
        raise UsageError(f"{name}: expected a text of at most {LONGEST_TEXT} characters, got something else")
    if needed and not value.strip():
        raise UsageError(f"{name}: expected a text, got nothing")
    return value.strip()
