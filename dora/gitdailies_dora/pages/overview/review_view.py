"""The review of a week as people read it: a sentence with links for each line, as a page and as Markdown."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import singledispatch
from typing import NamedTuple
from urllib.parse import urlencode

from gitdailies_connection.relay.answers import SuggestedService
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.derived.read import answers
from gitdailies_dora.figures.answers.selection import local_time
from gitdailies_dora.figures.history import corrections
from gitdailies_dora.figures.history.facts import TIME
from gitdailies_dora.figures.words import review
from gitdailies_dora.figures.words.reasons import WOULD_TELL
from gitdailies_dora.figures.words.silence import SOURCE
from gitdailies_dora.pages.frame import formatting
from gitdailies_dora.pages.frame.event_links import Piece, joined, link, repository_url
from gitdailies_dora.pages.frame.event_titles import name_of, short
from gitdailies_dora.pages.frame.phrases import UNCLEAR, WHEN_NOT_FAILED, lacking, recovered
from gitdailies_dora.pages.overview import week_view

PATH = "/review"
TITLES = {
    review.FAILED: "Failed deploys",
    review.UNLINKED: "Incidents without a deploy",
    review.UNCOUNTED: "New names",
    review.TWICE: "Possibly counted twice",
    review.DOUBTFUL: "Doubtful targets",
    review.SLOWEST: "Slowest changes",
    review.SILENT: "Gone silent",
}
# What each section asks of the reader.
_QUESTIONS = {
    review.FAILED: "Is the cause right? Do you know what repaired it? If a deploy may have failed, the time "
    f"of an incident is the only evidence. Did the deploy cause it? {WHEN_NOT_FAILED}",
    review.UNLINKED: "Which deploy caused it, if any?",
    review.UNCOUNTED: "Should they count as production, or belong to another name?",
    review.TWICE: "Do two reporters report the same deploy? Then let only one of them report it.",
    review.DOUBTFUL: "Are two workflows two services? Then let each name its own. Are old commits of another "
    "repository or service? Then correct what the deploy names. A first list needs nothing.",
    review.SLOWEST: "What kept these changes waiting?",
    review.SILENT: "Is there nothing to report, or is a reporter or a source broken? A source of incidents "
    "is listed once it has been quiet for at least 30 days and at least three times its longest pause in the "
    "last six months.",
}
# A slow change is slow, whatever is decided. All of its section are listed.
_ONLY_LOOKED_AT = frozenset({review.SLOWEST})
_NOTHING, _NOTHING_YET = "Nothing to decide.", "Nothing to decide so far."
_STATES = {"open": "still open", "resolved": "resolved", "closed": "closed without a recovery"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


class Line(NamedTuple):
    """A line: its key, its sentence, who decided it ("" while it is open), and what may be chosen.

    `event` is the id of the event that a correction is about, "" for a line that is only acknowledged.
    """

    key: str
    pieces: list[Piece]
    done: str
    event: str
    choices: list[tuple[str, str]]


class Section(NamedTuple):
    """A section with its lines; `left` is how many more there are.

    `is_decision` says that an open line waits for a decision. Else it is only to be looked at.
    """

    name: str
    title: str
    question: str
    lines: list[Line]
    left: int
    is_decision: bool


def sections(answer: answers.Review, zone: tzinfo) -> list[Section]:
    """Return the sections of the answer that have lines: those that wait for a decision come first."""
    found = []
    for name in sorted(review.SECTIONS, key=_ONLY_LOOKED_AT.__contains__):
        left: int = getattr(answer.left, name)
        if lines := answer.sections.of(name):
            shown = [_line(line, zone) for line in lines]
            is_decision = name not in _ONLY_LOOKED_AT
            found.append(Section(name, TITLES[name], _QUESTIONS[name], shown, left, is_decision))
    return found


def review_url(week: str, filters: answers.ReviewFilter) -> str:
    """Return the address of the review of a week, with the filters that are given."""
    given = {name: text for name, text in (("repo", filters.repo), ("team", filters.team)) if text}
    return f"{PATH}?{urlencode({'week': week, **given})}"


def still_counting(answer: answers.Review, now: int, zone: tzinfo) -> str:
    """Return a sentence that says until when an answer is complete, or "" if it is complete at *now* (µs)."""
    as_of = to_us(parse(answer.as_of, "asOf"))
    if now - as_of <= formatting.BEHIND_US:
        return ""
    since = formatting.moment(as_of, zone)
    return f"Still counting: this review does not yet include everything that was received since {since}."


def summary(answer: answers.Review, notice: str) -> str:
    """Say how many lines wait, and for what; *notice* is the sentence of `still_counting`."""
    looked_at = sum(line.done is None for name in _ONLY_LOOKED_AT for line in answer.sections.of(name))
    to_decide = answer.open - looked_at
    parts = [f"{formatting.amount(to_decide, 'needs', 'need')} a decision"] if to_decide else []
    parts += [f"{formatting.amount(looked_at, 'is', 'are')} worth a look"] if looked_at else []
    parts += [f"{formatting.count(answer.done)} done"] if answer.done else []
    if answer.open:
        return f"{', '.join(parts)}."
    return " ".join([_NOTHING_YET if notice else _NOTHING, *(f"{part}." for part in parts)])


def markdown(
    answer: answers.Review,
    waiting: Sequence[SuggestedService],
    now: int,
    zone: tzinfo,
    origin: str,
    team: str,
) -> str:
    """Write the review for a chat; links lead to *origin*, the address of the pages. *team* is a title.

    *waiting* are the services that have no line.
    """
    notice = still_counting(answer, now, zone)
    as_of = to_us(parse(answer.as_of, "asOf"))
    url = origin + review_url(answer.week, answer.filter)
    of = ", ".join(text for text in (answer.filter.repo, team) if text)
    monday = formatting.long_day(local_time(to_us(parse(answer.from_, "from")), zone).date())
    earlier = week_view.compared_with(answer, now, zone)
    shown = week_view.figures(answer)
    figures = [
        f"- {one.name}: {_linked_all(one.value, origin)}"
        + (f" ({earlier}: {_linked_all(one.before, origin)})" if one.before else "")
        + (f", **{one.became}**" if one.is_clear else "")
        for one in shown
    ]
    if not any(one.is_clear for one in shown):
        few = sum(one.became != UNCLEAR for one in shown)
        rest = f"; {few} of {len(shown)} figures cannot be compared." if few else "."
        figures.append(f"- Nothing changed clearly{rest}")
    happened = [
        f"- {'**Open** ' if one.is_open else ''}{one.when}: {_linked_all(one.pieces, origin)}"
        for one in week_view.lines(answer, now, zone)
    ]
    parts = [
        f"## Week of {monday} ([{answer.week}]({url}))",
        f"{_escaped(of) or 'All repositories'}, production, as of {formatting.clock_time(as_of, zone)}.",
        _linked_all(week_view.headline(answer, now), origin),
        *filter(None, (notice, _escaped(lacking(waiting)))),
        "\n".join(figures),
        *(["### What happened", "\n".join([*happened, *_left(answer.happened_left)])] if happened else []),
        summary(answer, notice),
    ]
    for section in sections(answer, zone):
        parts.append(f"### {section.title}" + (f"\n\n{section.question}" if section.is_decision else ""))
        lines = [_markdown_line(line, origin) for line in section.lines]
        parts.append("\n".join([*lines, *_left(section.left)]))
    return "\n\n".join(parts).replace("\u00a0", " ") + "\n"


def _left(number: int) -> list[str]:
    return [f"- and {formatting.count(number)} more"] if number else []


def _linked_all(pieces: Sequence[Piece], origin: str) -> str:
    return "".join(_linked(piece, origin) for piece in pieces)


def _markdown_line(line: Line, origin: str) -> str:
    text = _linked_all(line.pieces, origin)
    box = "x" if line.done else " "
    return f"- [{box}] {text}" + (f" _{_escaped(line.done)}_" if line.done else "")


def _linked(piece: Piece, origin: str) -> str:
    text = _escaped(piece.text)
    return f"[{text}]({origin}{piece.href})" if piece.href else text


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _line(line: answers.ReviewLine, zone: tzinfo) -> Line:
    event, choices, at = "", list[tuple[str, str]](), ""
    if isinstance(line, answers.FailedDeploy):
        at = line.deploy.time
        event, choices = line.deploy.id, [(corrections.NOT_FAILED, "It did not fail")]
        if line.evidence == TIME:
            choices.insert(0, (corrections.FAILED, "It failed"))
    elif isinstance(line, answers.UnlinkedIncident):
        event, choices, at = line.incident.id, _causes(line, zone), line.incident.time
    when = [Piece(f"{formatting.day_and_time(to_us(parse(at, 'time')), zone)}: ")] if at else []
    return Line(
        key=line.key,
        pieces=[*when, *_sentence(line)],
        done="" if line.done is None else _done(line.done, zone),
        event=event if line.done is None else line.done.event,
        choices=choices if line.done is None else [],
    )


def _done(done: answers.LineDecision, zone: tzinfo) -> str:
    at = formatting.moment(to_us(parse(done.at, "at")), zone)
    reason = f": {done.reason}" if done.reason else ""
    return f"{done.how} by {done.by}, {at}{reason}"


def _causes(line: answers.UnlinkedIncident, zone: tzinfo) -> list[tuple[str, str]]:
    """Return what one click decides: the value of the form, and the words on the button."""
    near = [(ref, formatting.day_and_time(to_us(parse(ref.time, "time")), zone)) for ref in line.near]
    return [
        *((f"{corrections.DEPLOY} {ref.id}", f"{when}: {name_of(ref)}") for ref, when in near),
        (corrections.NO_DEPLOY, "No deploy caused it"),
        (corrections.NOT_AN_INCIDENT, "Not an incident"),
    ]


@singledispatch
def _sentence(line: answers.ReviewLine) -> list[Piece]:
    raise TypeError(f"line: expected one of the review, got {type(line).__name__}")


@_sentence.register
def _failed(line: answers.FailedDeploy) -> list[Piece]:
    pieces = [*_named(line.deploy)]
    if line.state != "failed":
        return [*pieces, Piece(" did not fail.")]
    pieces += [Piece(" may have failed" if line.evidence == TIME else " failed")]
    if line.incidents:
        pieces += [Piece(": "), *_incidents(line.incidents)]
    if line.remedied_by:
        pieces += [Piece(", repaired by "), link(line.remedied_by[0])]
    if line.recovery_seconds is None:
        is_open = any(one.ended_at is None for one in line.incidents)
        return [*pieces, Piece(". It has not recovered yet." if is_open else ". No recovery is known.")]
    if line.recovered_by == answers.REMEDY:
        return [*pieces, Piece(f" after {formatting.duration(line.recovery_seconds)}.")]
    return [*pieces, Piece(recovered(line.recovery_seconds, line.incidents))]


def _incidents(found: Sequence[answers.IncidentReference]) -> Iterator[Piece]:
    """Yield incidents with their titles and severities."""
    for at, one in enumerate(found):
        told = ", ".join(text for text in (short(one.title), one.severity) if text)
        yield from ([Piece(", ")] if at else [])
        yield link(one)
        yield Piece(f" ({told})" if told else "")


@_sentence.register
def _unlinked(line: answers.UnlinkedIncident) -> list[Piece]:
    state = _STATES.get(line.state, "")
    pieces = [*_named(line.incident)]
    told = ", ".join(text for text in (short(line.incident.title), line.incident.severity) if text)
    pieces += [Piece(f": {told}")] if told else []
    if line.attributed_to is not None:
        return [*pieces, Piece(" is attributed to "), link(line.attributed_to), Piece(".")]
    return [*pieces, Piece(f", {state}." if state else ".")]


@_sentence.register
def _uncounted(line: answers.UncountedName) -> list[Piece]:
    number = formatting.amount(line.deploys, "deploy", "deploys")
    not_counted = "; it does not count as production" if line.what == review.ENVIRONMENT else ""
    of = (
        [Piece(formatting.amount(line.repos, "repository", "repositories"))]
        if line.repos > 1
        else [_repository(line.repo)]
    )
    return [
        Piece(f"{line.what.capitalize()} {line.name} of "),
        *of,
        Piece(f" is new: {number}{not_counted}. The first is "),
        link(line.first),
        Piece("."),
    ]


@_sentence.register
def _twice(line: answers.DoubleReports) -> list[Piece]:
    one, other = (name or "a reporter without a name" for name in line.reporters)
    times = "once" if line.times == 1 else f"{formatting.count(line.times)} times"
    return [
        Piece(f"{one} and {other} reported different deploys of "),
        _repository(line.repo),
        Piece(f" within ten minutes, {times}. The last are "),
        *joined([link(one) for one in line.events]),
        Piece("."),
    ]


@_sentence.register
def _doubtful(line: answers.DoubtfulTarget) -> list[Piece]:
    of = [Piece(f"{line.service} of "), _repository(line.repo)] if line.service else [_repository(line.repo)]
    if line.what == review.OLD_COMMITS:
        older = f" brought {formatting.count(line.number)} commits that are older than the first event of "
        return [link(line.deploys[0]), Piece(older), *of, Piece(".")]
    if line.what == review.SERVICES:
        number = formatting.amount(line.number, "incident", "incidents")
        named = [Piece(f"{number} of {line.service}: no deploy of "), _repository(line.repo)]
        told = f" names it, and they name several services. {line.line} {WOULD_TELL}. The last is "
        return [*named, Piece(told), link(line.deploys[0]), Piece(".")]
    times = "once" if line.number == 1 else f"{formatting.count(line.number)} times"
    deploys = joined([link(one) for one in line.deploys])
    last = [Piece(f", {times} this week. The last are "), *deploys, Piece(".")]
    return [Piece("Two workflows deployed one commit to "), *of, *last]


@_sentence.register
def _slowest(line: answers.SlowestChange) -> list[Piece]:
    lead = formatting.duration(line.lead_time_seconds)
    return [Piece(f"{lead} from commit to "), *_named(line.deploy), Piece(".")]


@_sentence.register
def _silent(line: answers.SilentSender) -> list[Piece]:
    if line.what == SOURCE:
        quiet = formatting.duration(line.quiet_seconds)
        return [
            Piece(f"{line.name} has sent nothing about an incident for {quiet}. The last is "),
            *_named(line.last),
            Piece("."),
        ]
    who = [_repository(line.repo)]
    if line.name:
        who = [Piece(f"{line.name} of "), *who]
    return [
        *who,
        Piece(" reported deploys in each of the four weeks before, but none this week. The last one is "),
        link(line.last),
        Piece("."),
    ]


def _named(ref: answers.EventReference) -> list[Piece]:
    repo = [Piece(" of "), _repository(ref.repo)] if ref.repo else []
    return [link(ref), *repo]


def _repository(repo: str) -> Piece:
    return Piece(repo, repository_url(repo))
