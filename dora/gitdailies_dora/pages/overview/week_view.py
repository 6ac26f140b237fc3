"""How a week went, as people read it: figures next to those of the week before, and what happened. Pure."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.derived.read import answers
from gitdailies_dora.figures.answers.comparison import is_clear
from gitdailies_dora.figures.answers.numbers import FIGURES
from gitdailies_dora.figures.answers.selection import at_local_time, local_time
from gitdailies_dora.figures.history.incidents import BY_CAUSE, BY_HAND, NO_CAUSE
from gitdailies_dora.figures.words.week import severity_weight
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import Piece, event_url, joined, link, opened, repository_url
from gitdailies_dora.pages.frame.event_titles import name_of, short
from gitdailies_dora.pages.frame.formatting import amount, day_and_time, duration

_NONE: Mapping[str, str] = MappingProxyType({})
# So many repositories of an outage are named.
_NAMED = 3
# Weekly counts of a period are compared, and a week has one.
_NOT_BY_WEEK = "single weeks are not compared"


class WeekFigure(NamedTuple):
    """A figure in the week and in the week before, and what became of it; `is_clear` if that is sure."""

    name: str
    value: list[Piece]
    before: list[Piece]
    became: str
    is_clear: bool


class HappenedLine(NamedTuple):
    """An outage or a failed deploy: when, and a sentence with links."""

    is_open: bool
    when: str
    pieces: list[Piece]


def compared_with(answer: answers.Review, now: int, zone: tzinfo) -> str:
    """Name what a week is compared with: the week before, or the part of it that a week has had at *now*."""
    if now >= to_us(parse(answer.to, "to")):
        return "the week before"
    same = at_local_time(local_time(now, zone) - timedelta(days=7), zone)
    return f"the week before until {day_and_time(same, zone)}"


def figures(
    answer: answers.Review, listed: Mapping[str, str] = _NONE, listed_before: Mapping[str, str] = _NONE
) -> list[WeekFigure]:
    """Return the five figures of a week and of the week before, with the addresses of their lists."""
    found, before, change = [], answer.before, answer.change
    unit = phrases.unit_of(filter(None, (answer.figures, before)))
    for name in FIGURES:
        was, became, is_sure = list[Piece](), phrases.NONE_BEFORE, False
        if before is not None and change is not None:
            was = opened(phrases.value(name, before, unit), listed_before)
            is_sure = is_clear(change.by_figure[name])
            became = phrases.became(name, change, before).replace(phrases.TOO_SHORT, _NOT_BY_WEEK)
        value = opened(phrases.value(name, answer.figures, unit), listed)
        found.append(WeekFigure(phrases.FIGURE_NAMES[name], value, was, became, is_sure))
    return found


def headline(answer: answers.Review, now: int) -> list[Piece]:
    """Say in a sentence or two how the week went: how much happened, and what hurt most."""
    happened = answer.happened
    if not happened:
        deploys = answer.figures.deployment_frequency.deploys
        return [Piece("No incident, and no deploy failed." if deploys else "No deploy, and no incident.")]
    incidents = sum(one.how is not None for one in happened)
    failed, other = len(happened) - incidents, "other " if incidents else ""
    numbers = [amount(incidents, "outage", "outages")] if incidents else []
    numbers += [amount(failed, f"{other}failed deploy", f"{other}failed deploys")] if failed else []
    still = [one for one in happened if one.open]
    more = [Piece(f" and {len(still) - _NAMED} more")] if len(still) > _NAMED else []
    named = [Piece(" Still open: "), *joined(list(map(_title, still[:_NAMED]))), *more, Piece(".")]
    # What began earlier and was never closed is named as open, and does not hide the week.
    began = to_us(parse(answer.from_, "from"))
    of_week = [one for one in happened if to_us(parse(one.time, "time")) >= began] or happened
    # In the list, the worst of those that are open and the worst of those that are over come first.
    firsts = {one.open: one for one in reversed(of_week)}.values()

    def weight(one: answers.Happening) -> tuple[bool, int, float]:
        return one.how is None, severity_weight(one.severity), -(_seconds(one, now) or 0)

    worst = min(firsts, key=weight)
    took = _seconds(worst, now)
    told = [*([worst.severity] if worst.severity else []), *([duration(took)] if took is not None else [])]
    rest = f" ({', '.join(told)})." if told else "."
    worst_of_all = [Piece(f"{' and '.join(numbers)}. What hurt most: "), _title(worst), Piece(rest)]
    return [*worst_of_all, *(named if still else [])]


def lines(answer: answers.Review, now: int, zone: tzinfo) -> list[HappenedLine]:
    """Return what happened, what hurt most first; a line is a time and a sentence."""
    return [_line(one, now, zone) for one in answer.happened]


def _line(one: answers.Happening, now: int, zone: tzinfo) -> HappenedLine:
    took = _seconds(one, now)
    lasted = f", {duration(took)}{' so far' if one.open else ''}" if took is not None else ""
    of = list(dict.fromkeys(ref.repo for ref in one.events if ref.repo))
    more = len(of) - _NAMED if len(of) > _NAMED + 1 else 0
    where = joined([Piece(repo, repository_url(repo)) for repo in of[: len(of) - more]])
    where += [Piece(f" and {more} more")] if more else []
    severity = [Piece(f", {one.severity}")] if one.severity else []
    teams = [Piece(f" ({', '.join(one.teams)})")] if one.teams else []
    pieces = [_title(one), *severity, Piece(" in " if one.title else " of "), *where, *teams, *_cause(one)]
    began = day_and_time(to_us(parse(one.time, "time")), zone)
    return HappenedLine(one.open, f"{began}{lasted}", pieces)


def _title(one: answers.Happening) -> Piece:
    first = one.events[0]
    said = short(one.title) if one.title else f"{name_of(first)[:1].upper()}{name_of(first)[1:]}"
    return Piece(said, event_url(first.id, first.kind))


def _cause(one: answers.Happening) -> list[Piece]:
    remedies = joined([link(remedy) for remedy in one.remedied_by[:2]])
    repaired = [Piece(", repaired by "), *remedies] if remedies else []
    if remedies and one.open:
        repaired = [Piece("; "), *remedies, Piece(" did not end it")]
    if one.how is None:
        return [Piece(" counts as failed"), *repaired, Piece(".")]
    if not one.deploys:
        said = "No deploy caused it" if one.how == NO_CAUSE else "No deploy is known to have caused it"
        return [Piece(f". {said}.")]
    if one.how in (BY_CAUSE, BY_HAND):
        return [Piece(". Caused by "), *joined(list(map(link, one.deploys))), *repaired, Piece(".")]
    began = to_us(parse(one.time, "time"))
    deployed = {ref.id: to_us(parse(ref.time, "time")) for ref in one.deploys}
    before = [ref for ref in one.deploys if deployed[ref.id] <= began]
    # Incidents that overlap are one outage: a deploy of a later one may have come after its beginning.
    after = [ref for ref in one.deploys if ref not in before]
    others = len(after) - _NAMED if len(after) > _NAMED + 1 else 0
    more = [Piece(". More incidents came after "), *joined(list(map(link, after[: len(after) - others])))]
    more = [*more, *([Piece(f" and {others} more")] if others else [])] if after else []
    if before:
        late = duration((began - max(deployed[ref.id] for ref in before)) / 1_000_000)
        first = [Piece(f". It began {late} after "), *joined(list(map(link, before)))]
        return [*first, *repaired, *more, Piece(".")]
    return [*more, *repaired, Piece(".")]


def _seconds(one: answers.Happening, now: int) -> float | None:
    """Return how long something took, or takes so far; None if that is not known."""
    ended = now if one.open else None if one.ended_at is None else to_us(parse(one.ended_at, "endedAt"))
    return None if ended is None else (ended - to_us(parse(one.time, "time"))) / 1_000_000
