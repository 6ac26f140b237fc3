"""The title of an event: what it is about, short enough for a list or a heading."""

from typing import NamedTuple

from gitdailies_core.events.events import DEPLOYED

from gitdailies_dora.derived.read.answers import EventReference

_SHORT, _SHORT_SHA = 70, 12


# What a deploy is called; one of another type is a deploy.
_TYPES = ("rollback", "hotfix")


class EventTitle(NamedTuple):
    """The title of an event, for the heading of its page, and for a line of a list."""

    heading: str
    short: str


def title_of(event: EventReference) -> EventTitle:
    """Return the title of an event: its own title, else the sender's id of the incident, else its commit."""
    full = event.title or event.incident_id
    if not full and event.commit_sha:
        # Git shows the beginning of a commit.
        return EventTitle(event.commit_sha[:_SHORT_SHA], event.commit_sha[:_SHORT_SHA])
    return EventTitle(full or event.id, short(full or event.id))


def name_of(event: EventReference) -> str:
    """Return the name of an event in a sentence: deploy 4f0c2d6b8e1a (api), incident INC-1134."""
    if event.kind == DEPLOYED:
        service = f" ({event.service})" if event.service else ""
        return f"{event.type if event.type in _TYPES else 'deploy'} {title_of(event).short}{service}"
    return f"incident {event.incident_id or event.id}"


def short(title: str) -> str:
    """Return a title, which can be very long, for a line of a list."""
    return title if len(title) <= _SHORT else f"{title[:_SHORT]}…"
