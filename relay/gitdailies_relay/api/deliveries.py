"""Deliveries as programs see them: a page of a list, and one delivery with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitdailies_connection.config.services import ServiceLine
from gitdailies_core.incidents.routing import FALLBACK, Routes
from gitdailies_core.values import patterns
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session

from gitdailies_relay.api import facts
from gitdailies_relay.api.outcomes import CLOSE, PASSED_ON, Facts, Outcome, outcome_of
from gitdailies_relay.api.questions import Choice, Listing
from gitdailies_relay.api.service_lines import place_of
from gitdailies_relay.operations import reports
from gitdailies_relay.operations.incidents import open_incidents
from gitdailies_relay.operations.show import show

# How many deliveries are looked at for one page. One that searches bodies reads each of them.
MOST_LOOKED_AT = 5000
MOST_BODIES = 500
# The most deliveries that one action is about.
MOST_CHOSEN = 500
# For an action the oldest come first, and more are looked at.
MOST_LOOKED_AT_FOR_ACTION = 20_000


def page(session: Session, listing: Listing) -> dict[str, Any]:
    """Return deliveries, those that came last first.

    `next` is where the next page begins, None where there is nothing more. A page may have fewer than the
    limit: then `lookedBackTo` says how far it was looked, since a rare one is not found by an index.
    """
    choice = listing.choice
    end = min(choice.end_id, listing.after) if listing.after else choice.end_id
    most = MOST_BODIES if choice.q and choice.bodies else MOST_LOOKED_AT
    found: list[dict[str, Any]] = []
    looked_at, last = 0, None
    for one in facts.walk(session, choice.outcome, choice.first_id, end):
        if len(found) == listing.limit or looked_at == most:
            break
        looked_at, last = looked_at + 1, one
        outcome = outcome_of(one)
        if _fits(session, choice, one, outcome):
            found.append(_line(session, one, outcome))
    else:
        return {"deliveries": found, "next": None, "lookedBackTo": None}
    assert last is not None
    stopped = len(found) < listing.limit
    return {
        "deliveries": found,
        "next": last.delivery,
        "lookedBackTo": text_of(last.messages[0].received_at) if stopped else None,
    }


def chosen_ids(session: Session, choice: Choice) -> tuple[list[str], bool]:
    """Return the ids of what is chosen, the oldest first, and whether there may be more.

    An incident's start is then acted on before its end.
    """
    ids: list[str] = []
    walk = facts.walk(session, choice.outcome, choice.first_id, choice.end_id, newest_first=False)
    for looked_at, one in enumerate(walk):
        if looked_at == MOST_LOOKED_AT_FOR_ACTION or len(ids) == MOST_CHOSEN:
            return ids, True
        if _fits(session, choice, one, outcome_of(one)):
            ids.append(one.delivery)
    return ids, False


def one(session: Session, id_: str, routes: Routes, lines: Mapping[str, ServiceLine], *, bodies: bool) -> Any:
    """Return a delivery, by its id; None if the store has no such delivery.

    *lines* says where each service has its line. Only with *bodies* is the body shown.
    """
    known = facts.facts_between(session, id_, id_).get(id_)
    found = show(session, id_) if known is not None else None
    if known is None or found is None:
        return None
    outcome = outcome_of(known)
    stored = found["stored"]
    if stored is not None and not bodies:
        stored = {name: stored[name] for name in ("state", "code", "reason", "replayedAt")}
    opened = [
        one.to_json()
        for incident in known.incidents[:20]
        for one in open_incidents(session, incident=incident, source=found["source"]).incidents
    ]
    return {
        **found,
        **_said(outcome),
        "steps": [*outcome.steps, *([CLOSE] if opened else [])],
        "stored": stored,
        "mappedBy": list(_mapped_by(known, routes, lines)),
        "openIncidents": opened,
        "paused": reports.paused(session),
    }


def _line(session: Session, known: Facts, outcome: Outcome) -> dict[str, Any]:
    first = known.messages[0]
    attempts, status = facts.attempts_at(session, tuple(event.seq for event in known.events))
    return {
        "id": known.delivery,
        "receivedAt": text_of(first.received_at),
        "source": first.source,
        "words": list(dict.fromkeys(message.word for message in known.latest if message.word)),
        "incidents": list(known.incidents),
        **_said(outcome),
        "steps": list(outcome.steps),
        "repos": _of_events(known, "repo"),
        "services": _of_events(known, "service"),
        "attempts": attempts,
        "lastStatus": status,
        "events": [{"id": event.id, "state": event.state} for event in known.events]
        or [{"id": id_, "state": "delivered"} for id_ in _former_events(known, outcome)],
    }


def _said(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": outcome.word, "sentence": outcome.sentence}


def _former_events(known: Facts, outcome: Outcome) -> list[str]:
    """Return the ids of events that are not stored any more, or are of the delivery that this one repeats."""
    if outcome.word not in (PASSED_ON, "repeated"):
        return []
    return list(dict.fromkeys(id_ for message in known.latest for id_ in message.events))


def _of_events(known: Facts, field: str) -> list[str]:
    values = (event.body.get(field) for event in known.events)
    return list(dict.fromkeys(str(value) for value in values if value))


def _fits(session: Session, choice: Choice, known: Facts, outcome: Outcome) -> bool:
    if choice.outcome not in (None, outcome.word):
        return False
    if choice.source not in (None, known.messages[0].source):
        return False
    if choice.repo is not None and not _is_in(choice.repo, _of_events(known, "repo")):
        return False
    reasons = [*known.reasons, *(body.reason for body in known.bodies)]
    if choice.service is not None and not _is_about(choice.service, known, reasons):
        return False
    return choice.q is None or _holds(session, choice, known, reasons)


def _is_about(service: str, known: Facts, reasons: Sequence[str]) -> bool:
    """Whether a delivery is about a service. An unmapped one names it in its reason alone, in quotes."""
    return _is_in(service, _of_events(known, "service")) or _is_in(repr(service)[1:-1], reasons)


def _holds(session: Session, choice: Choice, known: Facts, reasons: Sequence[str]) -> bool:
    assert choice.q is not None
    texts = [
        known.delivery,
        *known.incidents,
        *reasons,
        *(message.word for message in known.messages),
        *(id_ for message in known.messages for id_ in message.events),
        *(str(event.body.get("title", "")) for event in known.events),
    ]
    return _is_in(choice.q, texts) or (choice.bodies and facts.body_holds(session, known.delivery, choice.q))


def _is_in(text: str, texts: Sequence[str]) -> bool:
    return any(text.casefold() in one.casefold() for one in texts)


def _mapped_by(known: Facts, routes: Routes, lines: Mapping[str, ServiceLine]) -> Iterator[dict[str, Any]]:
    """Yield the line under services that each service of the events has now, None where none is sure."""
    repos = {str(event.body.get("repo", "")) for event in known.events}
    for name in _of_events(known, "service"):
        found = routes.line_for(name)
        if name.casefold() != found:
            # A line may name the service's id, which an event does not have.
            same = [
                key
                for key, targets in routes.table.items()
                if not patterns.is_pattern(key) and {route.repo for route in targets} & repos
            ]
            if same and found not in (None, FALLBACK):
                found = None
            elif len(same) == 1:
                found = same[0]
        yield {"service": name, **place_of(lines.get(found) if found is not None else None)}
