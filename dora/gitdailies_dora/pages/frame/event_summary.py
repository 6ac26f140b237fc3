"""What pages show of a stored event: its title, where it happened, and facts with their links."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from gitdailies_core.events.events import KINDS
from gitdailies_core.values.renames import Renames

from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.events.listing import StoredEvent, shown, texts_of
from gitdailies_dora.pages.frame.event_links import commit_url, event_url, events_url, repository_url
from gitdailies_dora.pages.frame.event_titles import title_of

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
    """What templates show of an event; `texts` are its fields that are text, `commit` a SHA with its address.

    A fact is a name, a text, and an address or "". `result` is "" for none, and `bad` if it asks for
    attention.
    """

    seq: int
    about: EventReference
    texts: Mapping[str, str]
    body: str
    title: str
    heading: str
    short: str
    repo_url: str
    href: str
    commit: tuple[str, str] | None
    facts: list[tuple[str, str, str]]
    time: datetime
    received_at: datetime
    key: str
    result: str = ""
    bad: bool = False

    @property
    def id(self) -> str:
        return self.about.id

    @property
    def kind(self) -> str:
        return self.about.kind

    @property
    def repo(self) -> str:
        return self.about.repo

    @property
    def environment(self) -> str:
        return self.about.environment

    @property
    def content(self) -> object:
        """The event with all its fields, for reading."""
        return json.loads(self.body)


def event_summary(row: StoredEvent, renames: Renames, result: str = "", *, bad: bool = False) -> EventSummary:
    """Return what templates show of an event, with its result in the list."""
    texts = texts_of(row.body, renames)
    about = EventReference.of(texts)
    title = title_of(about)
    return EventSummary(
        seq=row.seq,
        about=about,
        texts=texts,
        body=shown(row.body, renames),
        title=TITLES.get(about.kind, about.kind),
        heading=title.heading,
        short=title.short,
        repo_url=repository_url(about.repo),
        href=event_url(row.id, about.kind),
        commit=_commit(about),
        facts=_facts(texts, about),
        time=row.time,
        received_at=row.received_at,
        key=row.key,
        result=result,
        bad=bad,
    )


def _commit(about: EventReference) -> tuple[str, str] | None:
    """Return the whole commit of a deploy with its address; None if the event has none."""
    sha = about.commit_sha
    return (sha, commit_url(about.url, about.repo, sha)) if sha else None


def _facts(texts: Mapping[str, str], about: EventReference) -> list[tuple[str, str, str]]:
    """Return more facts of an event: name, text, and address or ""."""
    facts = []
    if incident := about.incident_id:
        facts.append(("Incident", incident, events_url(incidentId=incident)))
    facts += [(title, texts[name], "") for name, title in _FACTS if name in texts]
    if about.url.startswith(("https://", "http://")):
        facts.append(("Link", about.url, about.url))
    return facts
