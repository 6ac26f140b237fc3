"""Where an event, a commit or a name leads: the addresses of pages, and of the places that an event names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED

from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.derived.read.events.event_filters import MAY_HAVE_FAILED, OPEN
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.pages.frame.event_titles import title_of
from gitdailies_dora.pages.frame.formatting import url_time

_PAGES = {DEPLOYED: "/deploys/", INCIDENT_STARTED: "/incidents/"}
# The words of a reason that have a name behind them.
_NAMED = re.compile(r"(?:deploy|rollback|hotfix|incident|remedy,|incident [!-~]+,) $")
# A browser takes these segments of a path away.
_DOTS = (".", "..")


class Piece(NamedTuple):
    """A piece of a sentence; `href` is "" for plain text."""

    text: str
    href: str = ""


def event_url(id_: str, kind: str = "") -> str:
    """Return the address of the page of an event."""
    if kind in _PAGES and id_ not in _DOTS:
        return _PAGES[kind] + quote(id_, safe="")
    return "/events/id?" + urlencode({"id": id_})


def events_url(**filters: str) -> str:
    """Return the address of a list of events."""
    return "/events?" + urlencode(filters)


def open_incidents_url(environment: str, *, repo: str = "", service: str = "", team: str = "") -> str:
    """Return the address of the list of the open incidents of an environment, as they count."""
    named = {"repo": repo, "service": service, "team": team, "environment": environment}
    return _listed(INCIDENT_STARTED, OPEN, named)


def urls_of_counts(place: Mapping[str, str], period: Period, window: int) -> dict[str, str]:
    """Return the address of the list of the events behind each count of a card, by its label.

    *place* has the filters of the figures, with their environment; *window* is in microseconds.
    """
    began, until = (url_time(at, period.zone) for at in (period.began_at, period.until + 1))
    settled = min(max(period.now - window + 1, period.began_at), period.until + 1)
    whole, cut = {**place, "from": began, "to": until}, url_time(settled, period.zone)
    judged, young = {**whole, "to": cut}, {**whole, "from": cut}
    return {
        "Deploys": _listed(DEPLOYED, "counted", whole),
        "Failed": _listed(DEPLOYED, "failed", judged),
        "Failed for certain": _listed(DEPLOYED, "failed-for-certain", judged),
        "May have failed": _listed(DEPLOYED, MAY_HAVE_FAILED, judged),
        "By chance, about": _listed(DEPLOYED, MAY_HAVE_FAILED, judged),
        "Settled": _listed(DEPLOYED, "counted", judged),
        "Too new to tell": _listed(DEPLOYED, "pending", young),
        "Recent failures": _listed(DEPLOYED, "failed", young),
        "Unlinked incidents": _listed(INCIDENT_STARTED, "unlinked", whole),
    }


def _listed(kind: str, outcome: str, filters: Mapping[str, str]) -> str:
    return events_url(kind=kind, outcome=outcome, **{name: text for name, text in filters.items() if text})


def repository_url(repo: str) -> str:
    """Return the address of the figures of a repository."""
    return "/dora?" + urlencode({"repo": repo})


def commit_url(address: str, repo: str, sha: str) -> str:
    """Return the address of a commit at the host of its repository, or that of the events that name it.

    *address* is the one that the event names, such as that of its CI run. It shows where the repository is,
    if it is below the repository's own address on GitHub, or on a GitLab.
    """
    parts = urlsplit(address)
    path = f"/{repo.strip('/')}/"
    if parts.scheme in ("http", "https") and parts.path.casefold().startswith(path.casefold()):
        rest, base = parts.path[len(path) :], f"{parts.scheme}://{parts.netloc}{parts.path[: len(path)]}"
        if rest.startswith("-/"):
            return f"{base}-/commit/{sha}"
        if rest.startswith("actions/"):
            return f"{base}commit/{sha}"
    return events_url(q=sha)


def linked(sentence: str, references: Iterable[EventReference]) -> list[Piece]:
    """Return a sentence in pieces, where what names one of *references* is a link to its page.

    A deploy is named by its id, an incident by that of its sender. A word in front says that it is a name.
    The link of a deploy has its commit, as everywhere on the pages.
    """
    urls: dict[str, Piece] = {}
    for one in references:
        name = one.incident_id if one.kind == INCIDENT_STARTED else one.id
        text = title_of(one).short if one.kind == DEPLOYED else name
        urls.setdefault(name, Piece(text, event_url(one.id, one.kind)))
    if not urls:
        return [Piece(sentence)]
    names = "|".join(re.escape(name) for name in sorted(urls, key=len, reverse=True))
    found = re.split(rf"(?<=[a-z,] )({names})(?=[\s,;:.]|$)", sentence)
    pieces: list[Piece] = []
    for at, text in enumerate(found):
        named = at % 2 and _NAMED.search(found[at - 1])
        pieces.append(urls[text] if named else Piece(text))
    return [piece for piece in pieces if piece.text]
