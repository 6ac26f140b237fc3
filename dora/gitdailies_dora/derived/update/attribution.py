"""The deploys that an occurrence of an incident is attributed to, as time goes by. Pure.

What is known at a moment decides: the end of the incident may name another cause than its start, and a
deploy of the commit that caused it may come later. From each such moment on it is attributed again.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.figures.history import incidents
from gitdailies_dora.figures.history.settings import WIDE_WINDOW_US


class Candidate(NamedTuple):
    """A deploy that an incident may be attributed to; `service` is "" for none."""

    at: int
    id: str
    service: str


class Cause(NamedTuple):
    """The SHA that is named as the cause from a moment on; None for none."""

    since: int
    sha: str | None


class Span(NamedTuple):
    """From `since` until `until`, an occurrence is attributed to `deploy`; `how`, or why to none.

    `wide` is the deploy that a window of 72 hours would attribute it to.
    """

    since: int
    until: int
    cause: str | None
    deploy: Candidate | None
    how: str
    wide: str | None = None


def causes(occurrence: incidents.Occurrence) -> tuple[Cause, ...]:
    """Return the named causes of an occurrence: by its start, and by its end from then on."""
    end = occurrence.end
    first, last = occurrence.start.caused_by, occurrence.caused_by
    if end is None or first == last:
        return (Cause(occurrence.began_at, last),)
    if end.at == occurrence.began_at:
        return (Cause(end.at, last),)
    return (Cause(occurrence.began_at, first), Cause(end.at, last))


def by_time(began_at: int, since: int, until: int, latest: Candidate | None, window: int) -> Span:
    """Attribute an incident without a cause; *latest* is the latest deploy in the window or in 72 hours."""
    age = None if latest is None else began_at - latest.at
    if latest is not None and age is not None and age < window:
        return Span(since, until, None, latest, incidents.BY_TIME)
    wide = latest.id if latest is not None and age is not None and age < WIDE_WINDOW_US else None
    return Span(since, until, None, None, incidents.NO_DEPLOY, wide)


def by_cause(
    began_at: int, service: str, sha: str, since: int, until: int, candidates: Sequence[Candidate]
) -> list[Span]:
    """Attribute an incident to one of the deploys that are of its cause or brought it, moment by moment."""
    later = [one for one in candidates if one.at > began_at]
    of_service = [one for one in later if service and one.service == service]
    # It can be attributed only to the first of the later ones, or to the first of the service.
    moments = {one.at for first in (later, of_service) for one in sorted(first)[:1]}
    spans: list[Span] = []
    for moment in sorted({since, *(at for at in moments if since < at < until)}):
        found = _at(began_at, service, (one for one in candidates if one.at <= moment))
        if spans and spans[-1].deploy == found:
            continue
        if spans:
            spans[-1] = spans[-1]._replace(until=moment)
        spans.append(
            Span(moment, until, sha, found, incidents.BY_CAUSE if found else incidents.NO_SUCH_COMMIT)
        )
    return spans


def by_hand(began_at: int, deploy: Candidate | None) -> list[Span]:
    """Attribute an incident to the deploy that a correction names, from the time of this deploy on.

    It is None if it is not here, or does not count at the target of the incident.
    """
    if deploy is None:
        return [Span(began_at, FOREVER, None, None, incidents.NO_SUCH_DEPLOY)]
    if deploy.at <= began_at:
        return [Span(began_at, FOREVER, None, deploy, incidents.BY_HAND)]
    return [
        Span(began_at, deploy.at, None, None, incidents.NO_SUCH_DEPLOY),
        Span(deploy.at, FOREVER, None, deploy, incidents.BY_HAND),
    ]


def _at(began_at: int, service: str, known: Iterable[Candidate]) -> Candidate | None:
    found = list(known)
    of_service = [one for one in found if service and one.service == service]
    candidates = of_service or found
    before = [one for one in candidates if one.at <= began_at]
    return max(before) if before else min(candidates, default=None)
