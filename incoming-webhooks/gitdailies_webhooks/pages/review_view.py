"""The review of a week as people read it: a sentence with links for each line, as a page and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple
from urllib.parse import urlencode

from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.figures import corrections, review
from gitdailies_webhooks.figures.silence import SOURCE
from gitdailies_webhooks.pages.event_links import Piece, event_url, repository_url
from gitdailies_webhooks.pages.event_titles import title_of
from gitdailies_webhooks.pages.event_view import name_of
from gitdailies_webhooks.pages.formatting import amount, count, duration, moment
from gitdailies_webhooks.pages.overview_view import BEHIND_US

PATH = "/review"
TITLES = {
    review.FAILED: "Failed deploys",
    review.UNLINKED: "Incidents without a deploy",
    review.UNCOUNTED: "New names",
    review.TWICE: "Possibly counted twice",
    review.SLOWEST: "Slowest changes",
    review.SILENT: "Gone silent",
}
# What each section asks of the reader.
_QUESTIONS = {
    review.FAILED: "Is the cause right? Do you know what repaired it?",
    review.UNLINKED: "Which deploy caused it, if any?",
    review.UNCOUNTED: "Should they count as production, or belong to another name?",
    review.TWICE: "Do two reporters report the same deploy? Then let only one of them report it.",
    review.SLOWEST: "What kept these changes waiting?",
    review.SILENT: "Is there nothing to report, or is a reporter or a source broken? A source of incidents "
    "is listed once it has been quiet for 30 days, and for three times its longest pause of the last half "
    "year.",
}
# A slow change is slow, whatever is decided. All of its section are listed.
_ONLY_LOOKED_AT = frozenset({review.SLOWEST})
_NOTHING, _NOTHING_YET = "Nothing to decide.", "Nothing to decide so far."
_STATES = {"open": "still open", "resolved": "resolved", "closed": "closed without a recovery"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


class Line(NamedTuple):
    """A line: its key, its sentence, who decided it ("" while it is open), and what may be chosen.

    `event` is the id of the event that a correction is about, "" for a line that is only acknowledged.
    `undo` says how a decision is undone: corrected, acknowledged or "".
    """

    key: str
    pieces: list[Piece]
    done: str
    undo: str
    event: str
    choices: list[tuple[str, str]]


class Section(NamedTuple):
    """A section with its lines; `left` is how many more there are, "" for none.

    `is_decision` says that an open line waits for a decision. Else it is only to be looked at.
    """

    name: str
    title: str
    question: str
    lines: list[Line]
    left: str
    is_decision: bool


def sections(answer: Mapping[str, Any], zone: tzinfo) -> list[Section]:
    """Return the sections of the answer that have lines: those that wait for a decision come first."""
    found = []
    for name in sorted(review.SECTIONS, key=_ONLY_LOOKED_AT.__contains__):
        lines, left = answer["sections"][name], answer["left"][name]
        if lines:
            shown = [_line(name, line, zone) for line in lines]
            more = count(left) if left else ""
            is_decision = name not in _ONLY_LOOKED_AT
            found.append(Section(name, TITLES[name], _QUESTIONS[name], shown, more, is_decision))
    return found


def review_url(week: str, filters: Mapping[str, str | None]) -> str:
    """Return the address of the review of a week, with the filters that are given."""
    return f"{PATH}?{urlencode({'week': week, **{name: text for name, text in filters.items() if text}})}"


def still_counting(answer: Mapping[str, Any], now: int, zone: tzinfo) -> str:
    """Return a sentence that says until when an answer is complete, or "" if it is complete at *now* (µs)."""
    as_of = to_us(parse(answer["asOf"], "asOf"))
    if now - as_of <= BEHIND_US:
        return ""
    since = moment(as_of, zone)
    return f"Still counting: this review does not yet include everything that was received since {since}."


def summary(answer: Mapping[str, Any], notice: str) -> str:
    """Say how many lines wait, and for what; *notice* is the sentence of `still_counting`."""
    looked_at = sum(line["done"] is None for name in _ONLY_LOOKED_AT for line in answer["sections"][name])
    to_decide = answer["open"] - looked_at
    parts = [f"{count(to_decide)} to decide"] if to_decide else []
    parts += [f"{count(looked_at)} to look at"] if looked_at else []
    parts += [f"{count(answer['done'])} done"] if answer["done"] else []
    if answer["open"]:
        return f"{', '.join(parts)}."
    return " ".join([_NOTHING_YET if notice else _NOTHING, *(f"{part}." for part in parts)])


def markdown(answer: Mapping[str, Any], now: int, zone: tzinfo, origin: str) -> str:
    """Write the review for a chat; links lead to *origin*, the address of the pages."""
    notice = still_counting(answer, now, zone)
    url = origin + review_url(answer["week"], answer["filter"])
    of = ", ".join(text for text in answer["filter"].values() if text)
    parts = [
        f"## Review of [{answer['week']}]({url})" + (f", {_escaped(of)}" if of else ""),
        summary(answer, notice),
    ]
    if notice:
        parts.append(notice)
    for section in sections(answer, zone):
        parts.append(f"### {section.title}")
        lines = [_markdown_line(line, origin) for line in section.lines]
        if section.left:
            lines.append(f"- and {section.left} more")
        parts.append("\n".join(lines))
    return "\n\n".join(parts).replace("\u00a0", " ") + "\n"


def _markdown_line(line: Line, origin: str) -> str:
    text = "".join(_linked(piece, origin) for piece in line.pieces)
    box = "x" if line.done else " "
    return f"- [{box}] {text}" + (f" _{_escaped(line.done)}_" if line.done else "")


def _linked(piece: Piece, origin: str) -> str:
    text = _escaped(piece.text)
    return f"[{text}]({origin}{piece.href})" if piece.href else text


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _line(name: str, line: Mapping[str, Any], zone: tzinfo) -> Line:
    done = line["done"]
    ref = line.get("deploy") if name == review.FAILED else line.get("incident")
    return Line(
        key=line["key"],
        pieces=_SENTENCES[name](line),
        done="" if done is None else _done(done, zone),
        undo="" if done is None else done["how"],
        event=ref["id"] if ref is not None else "",
        choices=_choices(name, line) if done is None else [],
    )


def _done(done: Mapping[str, Any], zone: tzinfo) -> str:
    at = moment(to_us(parse(done["at"], "at")), zone)
    reason = f": {done['reason']}" if done["reason"] else ""
    return f"{done['how']} by {done['by']}, {at}{reason}"


def _choices(name: str, line: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what one click decides: the value of the form, and the words on the button."""
    if name == review.FAILED:
        return [(corrections.NOT_FAILED, "It did not fail")]
    if name != review.UNLINKED:
        return []
    near = [(f"{corrections.DEPLOY} {ref['id']}", f"Deploy {title_of(ref).short}") for ref in line["near"]]
    return [
        *near,
        (corrections.NO_DEPLOY, "No deploy"),
        (corrections.NOT_AN_INCIDENT, "Not an incident"),
    ]


def _failed(line: Mapping[str, Any]) -> list[Piece]:
    pieces = [*_named(line["deploy"])]
    if line["state"] != "failed":
        return [*pieces, Piece(" did not fail.")]
    pieces += [Piece(" failed")]
    if line["incidents"]:
        pieces += [Piece(": "), *_several(line["incidents"])]
    if line["remediedBy"]:
        pieces += [Piece(", repaired by "), *_several(line["remediedBy"][:1])]
    if line["recoverySeconds"] is None:
        return [*pieces, Piece(". No recovery is known.")]
    took = duration(line["recoverySeconds"])
    by_remedy = line["recoveredBy"] == "remedy"
    return [*pieces, Piece(f" after {took}." if by_remedy else f", recovered after {took}.")]


def _unlinked(line: Mapping[str, Any]) -> list[Piece]:
    state = _STATES.get(line["state"], "")
    pieces = [*_named(line["incident"])]
    if title := line["incident"].get("title"):
        pieces.append(Piece(f": {title_of({'title': title}).short}"))
    if line["attributedTo"] is not None:
        return [*pieces, Piece(" is attributed to "), _link(line["attributedTo"]), Piece(".")]
    return [*pieces, Piece(f", {state}." if state else ".")]


def _uncounted(line: Mapping[str, Any]) -> list[Piece]:
    number = amount(line["deploys"], "deploy", "deploys")
    not_counted = "; it does not count as production" if line["what"] == review.ENVIRONMENT else ""
    return [
        Piece(f"{line['what'].capitalize()} {line['name']} of "),
        _repository(line["repo"]),
        Piece(f" is new: {number}{not_counted}. The first is "),
        _link(line["first"]),
        Piece("."),
    ]


def _twice(line: Mapping[str, Any]) -> list[Piece]:
    one, other = (name or "a reporter without a name" for name in line["reporters"])
    times = "once" if line["times"] == 1 else f"{count(line['times'])} times"
    return [
        Piece(f"{one} and {other} reported different deploys of "),
        _repository(line["repo"]),
        Piece(f" within ten minutes, {times}. The last are "),
        _link(line["events"][0]),
        Piece(" and "),
        _link(line["events"][1]),
        Piece("."),
    ]


def _slowest(line: Mapping[str, Any]) -> list[Piece]:
    lead = duration(line["leadTimeSeconds"])
    return [Piece(f"{lead} from its commit to "), *_named(line["deploy"]), Piece(".")]


def _silent(line: Mapping[str, Any]) -> list[Piece]:
    if line["what"] == SOURCE:
        return [
            Piece(f"{line['name']} has sent nothing about an incident for {duration(line['quietSeconds'])}."),
            Piece(" The last is "),
            *_named(line["last"]),
            Piece("."),
        ]
    who = [_repository(line["repo"])]
    if line["name"]:
        who = [Piece(f"{line['name']} of "), *who]
    return [
        *who,
        Piece(" deployed in each of the four weeks before, but not in this week. The last deploy is "),
        _link(line["last"]),
        Piece("."),
    ]


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], list[Piece]]] = {
    review.FAILED: _failed,
    review.UNLINKED: _unlinked,
    review.UNCOUNTED: _uncounted,
    review.TWICE: _twice,
    review.SLOWEST: _slowest,
    review.SILENT: _silent,
}


def _named(ref: Mapping[str, Any]) -> list[Piece]:
    repo = [Piece(" of "), _repository(ref["repo"])] if ref.get("repo") else []
    return [_link(ref), *repo]


def _several(refs: Sequence[Mapping[str, Any]]) -> list[Piece]:
    pieces: list[Piece] = []
    for at, ref in enumerate(refs):
        pieces += [Piece(", ")] * (at > 0) + [_link(ref)]
    return pieces


def _link(ref: Mapping[str, Any]) -> Piece:
    return Piece(name_of(ref), event_url(ref["id"], ref["kind"]))


def _repository(repo: str) -> Piece:
    return Piece(repo, repository_url(repo))
