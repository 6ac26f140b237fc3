"""Where an event, a commit or a name leads: the addresses of pages, and of the places that an event names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from markupsafe import Markup

from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.derived.read.events.event_filters import MAY_HAVE_FAILED, OPEN
from gitdailies_dora.events.query import BY_REMEDY, INFERRED, RECOVERED, RECOVERY_UNKNOWN, REWORK, STILL_OPEN
from gitdailies_dora.events.records.moves import Move
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.words.rates import EVIDENCE_WORDS
from gitdailies_dora.pages.frame.event_titles import name_of, title_of
from gitdailies_dora.pages.frame.formatting import url_time

_PAGES = {DEPLOYED: "/deploys/", INCIDENT_STARTED: "/incidents/"}
# The words of a reason that have a name behind them.
_NAMED = re.compile(r"(?:deploy|rollback|hotfix|incident|remedy,|incident [!-~]+,) $")
# A browser takes these segments of a path away.
_DOTS = (".", "..")

# The counts of figures, by their labels: the kind and the outcome of the events, and which part of the
# period they are in: all of it, what is settled, or what is not.
_WHOLE, _JUDGED, _YOUNG = "whole", "judged", "young"
EVENTS_BEHIND: Mapping[str, tuple[str, str, str]] = {
    "Deploys": (DEPLOYED, "counted", _WHOLE),
    "Deploys with nothing new": (DEPLOYED, "nothing-new", _WHOLE),
    "Unknown deploys": (DEPLOYED, "lead-time-unknown", _WHOLE),
    "Failed": (DEPLOYED, "failed", _JUDGED),
    "Failed for certain": (DEPLOYED, "failed-for-certain", _JUDGED),
    **{word: (DEPLOYED, f"failed-{one}", _JUDGED) for one, word in EVIDENCE_WORDS.items()},
    "May have failed": (DEPLOYED, MAY_HAVE_FAILED, _JUDGED),
    # An estimate: some of these.
    "By chance, about": (DEPLOYED, MAY_HAVE_FAILED, _JUDGED),
    "Settled": (DEPLOYED, "counted", _JUDGED),
    "Too new to tell": (DEPLOYED, "pending", _YOUNG),
    "Recent failures": (DEPLOYED, "failed", _YOUNG),
    "Recovered": (DEPLOYED, RECOVERED, _WHOLE),
    "Failed, still open": (DEPLOYED, STILL_OPEN, _WHOLE),
    "Timed by the remedy, without an incident": (DEPLOYED, BY_REMEDY, _WHOLE),
    "Recovery unknown": (DEPLOYED, RECOVERY_UNKNOWN, _WHOLE),
    "Rework": (DEPLOYED, REWORK, _WHOLE),
    "Fixes that are inferred": (DEPLOYED, INFERRED, _WHOLE),
    "Unlinked incidents": (INCIDENT_STARTED, "of-no-deploy", _WHOLE),
    "Unlinked, but not with a window of 72 h": (INCIDENT_STARTED, "linked-in-72-h", _WHOLE),
}
# How sentences write counts, and the label of each.
_NUMBER = r"(?<![\w.,])[\d,]+"
_SENTENCES = (
    (rf"({_NUMBER})\sof\s([\d,]+)\sfailed", ("Failed", "Settled")),
    (rf"({_NUMBER}\s(?:settled\sdeploys?|deploys?(?=:)))", ("Settled",)),
    (rf"({_NUMBER})\sfailed\sfor\scertain", ("Failed for certain",)),
    *((rf"({_NUMBER})\s{word}", (word,)) for word in EVIDENCE_WORDS.values()),
    (rf"({_NUMBER})\shad\san\sincident", ("May have failed",)),
    (rf"({_NUMBER})\stoo\snew\sto\stell", ("Too new to tell",)),
    (rf"({_NUMBER})\sfailed\sor\smay\shave\sfailed\sin", ("Recent failures",)),
    (rf"unknown\sfor\s({_NUMBER}\sdeploys?)", ("Unknown deploys",)),
    (rf"nothing\snew\sin\s({_NUMBER}\sdeploys?)", ("Deploys with nothing new",)),
    (rf"((?:{_NUMBER}|one)\srecovered(?:\sdeploys?)?)", ("Recovered",)),
    (rf"((?:{_NUMBER}|one)\sremedied\sdeploys?)", ("Timed by the remedy, without an incident",)),
    (rf"({_NUMBER}\sinferred\sfix(?:es)?)", ("Fixes that are inferred",)),
    (rf"({_NUMBER}\sdeploys?)", ("Deploys",)),
    # Nothing but a rate of rework has no word.
    (rf"({_NUMBER})\sof\s([\d,]+)", ("Rework", "Deploys")),
)
_LABELS = [label for _, labels in _SENTENCES for label in labels]
_COUNT = re.compile("|".join(pattern for pattern, _ in _SENTENCES))


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
    return events_url(
        kind=INCIDENT_STARTED, outcome=OPEN, **{name: text for name, text in named.items() if text}
    )


def urls_of_counts(
    place: Mapping[str, str], period: Period, window: int, labels: Iterable[str] = ()
) -> dict[str, str]:
    """Return the address of the list of the events behind each count of a card, by its label.

    *place* has the filters of the figures, with their environment; *window* is in microseconds.
    """
    last = period.until if period.until == period.ended_at else period.until + 1
    settled = min(max(period.now - window + 1, period.began_at), last)
    named = urlencode({name: text for name, text in place.items() if text})
    began, cut, until = (url_time(at, period.zone) for at in (period.began_at, settled, last))
    spans = {_WHOLE: (began, until), _JUDGED: (began, cut), _YOUNG: (cut, until)}
    times = {span: urlencode({"from": since, "to": to}) for span, (since, to) in spans.items()}
    return {
        label: f"/events?kind={kind}&outcome={outcome}&{named}&{times[span]}"
        for label in labels or EVENTS_BEHIND
        for kind, outcome, span in (EVENTS_BEHIND[label],)
    }


def opened_markup(sentence: str, listed: Mapping[str, str]) -> Markup:
    """Return what `opened` does for a template."""
    link = Markup('<a href="{}">{}</a>')
    pieces = opened(sentence, listed)
    return Markup("").join(link.format(one.href, one.text) if one.href else one.text for one in pieces)


def opened(sentence: str, listed: Mapping[str, str]) -> list[Piece]:
    """Return a sentence of figures in pieces, where each count of events leads to their list."""
    pieces, at = [], 0
    for found in _COUNT.finditer(sentence):
        for group, label in enumerate(_LABELS, 1):
            if found[group] is not None:
                number = Piece(found[group], listed.get(label, ""))
                pieces += [Piece(sentence[at : found.start(group)]), number]
                at = found.end(group)
    return [piece for piece in (*pieces, Piece(sentence[at:])) if piece.text]


def move_url(move: Move, reason: str = "") -> str:
    """Return the address of the page that moves incidents, with its form filled in."""
    given = {**move._asdict(), "reason": reason}
    return f"/events/move?{urlencode({name: text for name, text in given.items() if text})}"


def repository_url(repo: str) -> str:
    """Return the address of the figures of a repository."""
    return "/dora?" + urlencode({"repo": repo})


def link(event: EventReference) -> Piece:
    """Return the name of an event, which leads to its page."""
    return Piece(name_of(event), event_url(event.id, event.kind))


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Return pieces with commas between them."""
    return [piece for one in pieces for piece in (Piece(", "), one)][1:]


def commit_url(address: str, repo: str, sha: str) -> str:
    """Return the address of a commit at the host of its repository, or that of the events that name it.

    *address* is the one that the event names, such as that of its CI run. It shows where the repository is,
    if it is below the repository's own address on GitHub, or on a GitLab.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # such as https://[x, which an event may have
        return events_url(q=sha)
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
