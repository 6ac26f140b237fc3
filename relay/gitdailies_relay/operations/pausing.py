"""Pausing and resuming as a person asks for it, by a command or a page: one source, or every delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_relay.delivery.pauses import MANUAL
from gitdailies_relay.operations import actions, reports
from gitdailies_relay.operations.reports import DESTINATION
from gitdailies_relay.store import store


class Paused(NamedTuple):
    """What was paused before, and what is now, each as `reports.paused` gives it."""

    before: Sequence[Mapping[str, Any]]
    now: Sequence[Mapping[str, Any]]


def pause(session: Session, source: str | None, *, person: str, reason: str) -> Paused:
    """Pause the events of a source, or all of them, and note who did so."""
    place = _place(source)
    before = reports.paused(session)
    store.pause(session, place, MANUAL, reason)
    now = reports.paused(session)
    if before != now:
        actions.note(session, actions.PAUSED, [place], person=person, reason=reason)
    return Paused(before, now)


def resume(session: Session, source: str | None, *, person: str) -> Paused:
    """End the pause of a source, or every pause; then what waits for a retry is due at once, too."""
    before = reports.paused(session)
    ended = [one["destination"] for one in before if source is None or one["destination"] == _place(source)]
    for name in ended:
        store.end_pause(session, name)
    if source is None:
        store.resume(session, DESTINATION)
    actions.note(session, actions.RESUMED, ended, person=person, reason="")
    return Paused(before, reports.paused(session))


def _place(source: str | None) -> str:
    return f"{DESTINATION}/{source}" if source else DESTINATION
