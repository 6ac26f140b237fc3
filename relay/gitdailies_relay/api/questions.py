"""What a request asks for: the parameters of a list, and actions. Pure; a wrong one is a UsageError."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_relay.api.service_writing import ADD, CHANGES, REMOVE, NewLine
from gitdailies_relay.operations.acting import Order
from gitdailies_relay.operations.deliveries import USUALLY_LISTED, DeliveryChoice
from gitdailies_relay.operations.outcomes import ACTIONS, CLOSE, DISCARD, OUTCOMES

MOST_LISTED = 200
LONGEST_TEXT = 300
_TRUTH = {"true": True, "false": False}
_CHOICE = ("source", "outcome", "service", "repo", "from", "to", "q", "bodies")


@dataclass(frozen=True)
class OrderForMany:
    """An action on all chosen deliveries. `dry_run` only counts them; `confirm` names the counted ones.

    `filter` are the parameters of the choice.
    """

    order: Order
    choice: DeliveryChoice
    filter: dict[str, str]
    dry_run: bool
    confirm: str


def parameters(pairs: Iterable[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    """Read the parameters of a query; raises UsageError for one that is not in *known*."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise UsageError(f"{name}: expected one of {', '.join(known)}{did_you_mean(name, known)}")
        if name in found:
            raise UsageError(f"{name}: expected it once, got it twice")
        found[name] = _bounded(value, name)
    return found


def listing_of(
    pairs: Iterable[tuple[str, str]], sources: Sequence[str]
) -> tuple[DeliveryChoice, int, str | None]:
    """Read the query of a list: the filters, how many, and `after`; raises UsageError."""
    given = parameters(pairs, (*_CHOICE, "limit", "after"))
    limit, after = limit_of(given), given.pop("after", None)
    return choice_of(given, sources), limit, after


def limit_of(given: dict[str, str]) -> int:
    """Take `limit` out of the parameters of a list; raises UsageError."""
    text = given.pop("limit", str(USUALLY_LISTED))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST_LISTED):
        raise UsageError(f"limit: expected a whole number from 1 to {MOST_LISTED}, got {got(text)}")
    return int(text)


def choice_of(given: Mapping[str, str], sources: Sequence[str]) -> DeliveryChoice:
    """Read the filters; raises UsageError that names the parameter."""
    text = {name: value.strip() or None for name, value in given.items()}
    outcome, bodies = text.get("outcome"), text.get("bodies")
    if outcome is not None and outcome not in OUTCOMES:
        raise UsageError(f"outcome: expected one of {', '.join(OUTCOMES)}, got {got(outcome)}")
    if bodies is not None and bodies not in _TRUTH:
        raise UsageError(f"bodies: expected true or false, got {got(bodies)}")
    since, until = _moment(text.get("from"), "from"), _moment(text.get("to"), "to")
    if since is not None and until is not None and since >= until:
        raise UsageError("from: expected a time before that of `to`, got a later one")
    return DeliveryChoice(
        source=known_source(text.get("source"), sources),
        outcome=outcome,
        service=text.get("service"),
        repo=text.get("repo"),
        since=since,
        until=until,
        q=text.get("q"),
        bodies=_TRUTH.get(bodies or "", False),
    )


def order_of(action: str, body: Mapping[str, Any]) -> Order:
    """Read an action on one delivery; raises UsageError."""
    if action not in ACTIONS:
        raise UsageError(f"action: expected one of {', '.join(ACTIONS)}, got {got(action)}")
    person, reason = text_of(body, "person"), text_of(body, "reason", needed=False)
    if action in (DISCARD, CLOSE) and not reason:
        raise UsageError(f"reason: expected a reason to {action} it, got nothing")
    return Order(action, person, reason, text_of(body, "incident", needed=False) or None)


def order_for_many(body: Mapping[str, Any], sources: Sequence[str], now: datetime) -> OrderForMany:
    """Read an action on all chosen deliveries; raises UsageError. Deliveries after *now* are not chosen."""
    order = order_of(text_of(body, "action"), body)
    if order.action == CLOSE:
        raise UsageError("action: expected replay, requeue or discard, got close; close incidents one by one")
    chosen = body.get("filter")
    if not isinstance(chosen, Mapping):
        raise UsageError("filter: expected an object with the parameters of a list, got something else")
    given = parameters(chosen.items(), _CHOICE)
    given["to"] = given.get("to", "").strip() or times.text_of(now)
    choice = choice_of(given, sources)
    if choice.outcome is None:
        raise UsageError("filter.outcome: expected the outcome of the deliveries, got nothing")
    dry_run = truth_of(body, "dryRun")
    return OrderForMany(order, choice, given, dry_run, text_of(body, "confirm", needed=not dry_run))


def line_of(body: Mapping[str, Any]) -> NewLine:
    """Read where a service counts; raises UsageError. `load` checks what is written."""
    change = text_of(body, "change", needed=False) or ADD
    if change not in CHANGES:
        raise UsageError(f"change: expected one of {', '.join(CHANGES)}, got {got(change)}")
    ignore, name = truth_of(body, "ignore"), text_of(body, "name", needed=False)
    line = NewLine(text_of(body, "service"), ignore=ignore, name=name, change=change)
    if ignore or change == REMOVE:
        return line
    counts_as = None if body.get("countsAs") is None else text_of(body, "countsAs", needed=False)
    environment = text_of(body, "environment", needed=False)
    return replace(line, repo=text_of(body, "repo"), environment=environment, counts_as=counts_as)


def confirmation(action: str, ids: Sequence[str]) -> str:
    """Return the token that names an action and exactly these deliveries."""
    return hashlib.sha256(json.dumps([action, *ids]).encode()).hexdigest()[:32]


def known_source(name: str | None, sources: Sequence[str]) -> str | None:
    """Check the name of a source; raises UsageError."""
    if name is not None and name not in sources:
        raise UsageError(f"source: expected one of {', '.join(sources) or 'none'}, got {got(name)}")
    return name


def text_of(body: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    """Read a text of a body, "" where it is missing and not *needed*; raises UsageError."""
    value = body.get(name)
    if value is None and not needed:
        return ""
    text = _bounded(value, name).strip()
    if needed and not text:
        raise UsageError(f"{name}: expected a text, got nothing")
    return text


def truth_of(body: Mapping[str, Any], name: str) -> bool:
    """Read true or false of a body, false where it is missing; raises UsageError."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"{name}: expected true or false, got something else")
    return value


def _bounded(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise UsageError(f"{name}: expected a text of at most {LONGEST_TEXT} characters, got something else")
    if "\x00" in value:
        raise UsageError(f"{name}: expected text without null characters, got one")
    return value


def _moment(text: str | None, name: str) -> datetime | None:
    try:
        return None if text is None else times.parse(text, name)
    except ValueError as error:
        raise UsageError(str(error)) from None
