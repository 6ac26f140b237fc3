"""Corrections: what people say that a deploy or an incident was, whatever its events say.

A correction says what happened. So it applies to every moment that a question is about. The order of
arrival of events does not change it.

| correction | of | means |
| --- | --- | --- |
| `deploy` | an incident | it is attributed to the deploy that the correction names |
| `no-deploy` | an incident | no deploy caused it; `causedBy: none` on an event says the same |
| `not-an-incident` | an incident | the occurrence is in no figure |
| `failed` | a deploy | it failed, although no event tells so |
| `not-failed` | a deploy | it did not fail; its incidents and remedies time no recovery |
| `rework` | a deploy | it fixed what users ran into; that says nothing about a failure |
| `not-rework` | a deploy | it was planned, whatever it looks like |
| `moved` | an event of an incident | it came with the repository in place of a deploy |
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

DEPLOY, NO_DEPLOY, NOT_AN_INCIDENT = "deploy", "no-deploy", "not-an-incident"
FAILED, NOT_FAILED = "failed", "not-failed"
REWORK, NOT_REWORK = "rework", "not-rework"
OF_INCIDENT, OF_DEPLOY = (DEPLOY, NO_DEPLOY, NOT_AN_INCIDENT), (FAILED, NOT_FAILED)
OF_REWORK = (REWORK, NOT_REWORK)
MOVED = "moved"

# What `causedBy` is in place of a SHA, if no deploy caused the incident.
NAMED_NONE = "none"


class Correction(NamedTuple):
    """A correction of a deploy, or of the occurrence that an event starts.

    `deploy` is the id of the deploy that caused an incident, None for every other correction.
    """

    what: str
    deploy: str | None = None


# By the id of the event that each is about, as `key_of` writes it: a deploy, or the start of an occurrence.
Corrections: TypeAlias = Mapping[str, Correction]
NONE: Corrections = MappingProxyType({})


def key_of(id_: str, what: str) -> str:
    """Return where a correction is kept: one event may be moved and have a cause, or an outcome and rework.

    No id has a space.
    """
    kept = {NOT_REWORK: REWORK, REWORK: REWORK, MOVED: MOVED}.get(what)
    return f"{id_} {kept}" if kept else id_


def says(corrections: Corrections, id_: str, what: str) -> bool:
    """Whether there is this correction of an event."""
    found = corrections.get(id_)
    return found is not None and found.what == what


def of_incident(corrections: Corrections, start: str) -> Correction | None:
    """Return the correction of the occurrence that an event starts, or None."""
    found = corrections.get(start)
    return found if found is not None and found.what in OF_INCIDENT else None


def outcome(corrections: Corrections, id_: str) -> str:
    """Return what a correction says about a deploy: failed, not-failed, or "" if there is none."""
    found = corrections.get(id_)
    return found.what if found is not None and found.what in OF_DEPLOY else ""


def rework(corrections: Corrections, id_: str) -> str:
    """Return what a correction says about the plan of a deploy: rework, not-rework, or ""."""
    found = corrections.get(key_of(id_, REWORK))
    return found.what if found is not None else ""
