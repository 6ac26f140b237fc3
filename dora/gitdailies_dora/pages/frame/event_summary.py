"""What pages show of a stored event: its title, where it happened, and facts with their links."""

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_core.events.events import KINDS
from gitdailies_core.values.renames import Renames

from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.events.listing import StoredEvent, texts_of
from gitdailies_dora.pages.frame.event_links import commit_url, event_url, events_url, repository_url
from gitdailies_dora.pages.frame.event_titles import EventTitle, title_of

TITLES = {kind.word: kind.title for kind in KINDS}
# Fields of an event that its page names.
_FACTS = (
    ("service", "Service"),
    ("branch", "Branch"),
    ("run", "Run"),
    ("attempt", "Attempt"),
    ("reporter", "Reported by"),
    ("severity", "Severity"),
    ("source", "Source"),
)


class EventSummary(NamedTuple):
    """What templates show of an event; `title` is that of its kind, `texts` are its fields that are text.

    A fact is a name, a text, and an address or "".
    """

    row: StoredEvent
    about: EventReference
    texts: Mapping[str, str]
    title: str
    name: EventTitle
    repo_url: str
    href: str
    commit_url: str
    facts: list[tuple[str, str, str]]


def event_summary(row: StoredEvent, renames: Renames) -> EventSummary:
    """Return what templates show of an event."""
    texts = texts_of(row.body, renames)
    about = EventReference.of(texts)
    return EventSummary(
        row=row,
        about=about,
        texts=texts,
        title=TITLES.get(about.kind, about.kind),
        name=title_of(about),
        repo_url=repository_url(about.repo),
        href=event_url(row.id, about.kind),
        commit_url=commit_url(about.url, about.repo, about.commit_sha),
        facts=_facts(texts, about),
    )


def _facts(texts: Mapping[str, str], about: EventReference) -> list[tuple[str, str, str]]:
    """Return more facts of an event: name, text, and address or ""."""
    facts = []
    if incident := about.incident_id:
        facts.append(("Incident", incident, events_url(incidentId=incident)))
    facts += [(title, texts[name], "") for name, title in _FACTS if name in texts]
    if about.url.startswith(("https://", "http://")):
        facts.append(("Link", about.url, about.url))
    return facts
