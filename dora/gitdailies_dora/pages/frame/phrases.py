"""Sentences about figures: a rate with its interval, and what became of a figure since the period before."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from gitdailies_connection.relay.answers import SuggestedService
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.accounts.audit import AuditLine
from gitdailies_dora.derived.read.answers import IncidentReference
from gitdailies_dora.figures.answers import comparison, numbers
from gitdailies_dora.figures.answers.report import SeriesChange
from gitdailies_dora.figures.words.durations import NOTHING
from gitdailies_dora.figures.words.rates import fail_rate
from gitdailies_dora.pages.frame.formatting import (
    amount,
    count,
    days,
    duration,
    fraction,
    moment,
    rate,
    rate_unit,
    unbroken,
    zone_name,
)

FIGURE_NAMES: Mapping[str, str] = {
    numbers.FREQUENCY: "Deployment frequency",
    numbers.LEAD_TIME: "Change lead time",
    numbers.FAIL_RATE: "Change fail rate",
    numbers.RECOVERY: "Failed deployment recovery time",
    numbers.REWORK: "Deployment rework rate",
}
FEW, UNCLEAR, NONE_BEFORE = "too few to compare", "no clear change", "No earlier value to compare with"
TOO_SHORT = f"fewer than {comparison.LEAST_WEEKS} whole weeks to compare"
# What each figure of a week and of the week before needs to be compared.
LEAST_OF_A_WEEK = (
    f"Too few deploys to compare: in each week, a rate needs at least {comparison.LEAST_SETTLED}, and a time"
    f" at least {comparison.LEAST_DEPLOYS}."
)
_NOT_CLEAR: Mapping[str, str] = {comparison.FEW: FEW, comparison.UNCLEAR: UNCLEAR, TOO_SHORT: TOO_SHORT}
# Which of two decisions a person takes.
WHEN_NOT_FAILED = (
    "If the incident had another cause, such as an outage of a provider, choose \u201cNo deploy caused "
    "it\u201d on its page. If the deploy worked as it should, choose \u201cIt did not fail\u201d for "
    "the deploy."
)
_COUNTS: Mapping[str, str] = {comparison.HIGHER: "more", comparison.LOWER: "fewer"}

# Settings that make the figures, in plain words; \1 is the name of a repository.
_SETTINGS = (
    (r"dora\.window_hours", "the window"),
    (r"dora\.timezone", "the time zone"),
    (r"dora\.production", "the names of production"),
    (r"dora\.deploys\.hotfix", "the branches of hotfixes"),
    (r"dora\.count_same_commit", "whether a second deploy of a commit counts"),
    (r"dora\.failures", "what counts as a failed deploy"),
    (r"dora\.mirrors\W+(.*?)\W*", r"the mirror of \1"),
    (r"teams\b.*", "teams"),
    (r"repositories\W+(.*?)\W*\.was", r"former names of \1"),
    (r"repositories\W+(.*?)\W*\.services\b.*", r"paths of services in \1"),
)


def setting(name: str) -> str:
    """Write the name of a setting in plain words."""
    found = ((re.fullmatch(pattern, name), words) for pattern, words in _SETTINGS)
    return next((match.expand(words) for match, words in found if match), name)


def changed_settings(lines: Iterable[AuditLine], zone: tzinfo) -> list[tuple[str, str]]:
    """Write which settings changed, by the minute: each kind once, the window with its values."""
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        words = setting(line.subject)
        if line.subject == "dora.window_hours":
            words += " ({before:g} h → {after:g} h)".format_map(line.detail)
        found.setdefault(moment(to_us(line.at), zone), {})[words] = None
    return [(at, ", ".join(words)) for at, words in found.items()]


def between(interval: numbers.RateInterval) -> str:
    """Write the interval of a rate: 95 % range 5.7 to 7.8 %."""
    if interval.low is None or interval.high is None:
        return ""
    low, high = interval.low * 100, interval.high * 100
    places = 1 if high < 10 else 0
    return unbroken("95 %") + " range " + unbroken(f"{low:.{places}f} to {high:.{places}f} %")


def by_remedy(found: numbers.ByRemedy) -> str:
    """Write the recovery of deploys that failed without an incident; "" if there are none."""
    if not found.count:
        return ""
    return f"{duration(found.median)}, {median_of(found.count, 'remedied deploy', 'remedied deploys')}"


def median_of(number: int, one: str, several: str) -> str:
    """Write how many durations are behind a median; a single one is no median."""
    return f"one {one}" if number == 1 else f"median of {count(number)} {several}"


def without_lead_time(found: numbers.ChangeLeadTime) -> list[str]:
    """Write how many deploys have no lead time, by whether that is as it should be."""
    return [
        f"{words} {amount(number, 'deploy', 'deploys')}"
        for words, number in (("unknown for", found.unknown_deploys), ("nothing new in", found.nothing_new))
        if number
    ]


def observed(found: numbers.DeploymentFrequency, zone: tzinfo) -> dict[str, str] | None:
    """Return from when on days count, in a zone, and how many; None if that is where the period begins."""
    if found.since is None:
        return None
    at = to_us(parse(found.since, "since"))
    day, time = moment(at, zone).split(" ")
    return {"day": day, "time": unbroken(f"{time} {zone_name(at, zone)}"), "days": span(found.days)}


def frequency(
    found: numbers.DeploymentFrequency,
    since: Mapping[str, str] | None = None,
    unit: tuple[int, str] | None = None,
) -> tuple[str, str]:
    """Write how often there are deploys, and the time if it is less than a day, which gives no rate."""
    if 0 < found.days < 1:
        within = f"in {span(found.days)}" if since is None else f"since {since['day']} {since['time']}"
        return amount(found.deploys, "deploy", "deploys"), within
    return rate(found.value, unit), ""


def span(number: float) -> str:
    """Write a number of days; less than one as a duration."""
    return duration(number * 86_400) if 0 < number < 1 else days(number)


def lacking(waiting: Sequence[SuggestedService]) -> str:
    """Say how many incidents of services without a line are missing, of any time; "" if none is."""
    incidents, still = (sum(getattr(one, name) for one in waiting) for name in ("incidents", "open"))
    if not incidents:
        return ""
    services = amount(sum(1 for one in waiting if one.incidents), "service has", "services have")
    of = amount(incidents, "incident", "incidents")
    return f"These figures leave out {of} from any time ({count(still)} open): {services} no line yet."


def unit_of(found: Iterable[numbers.Figures]) -> tuple[int, str]:
    """Return one unit for frequencies that are shown together: that of the lowest."""
    return rate_unit(min(filter(None, (one.deployment_frequency.value for one in found)), default=0))


def change(
    figure: str, changed: SeriesChange, before: numbers.Figures, unit: tuple[int, str] | None = None
) -> str:
    """Write what became of a figure, with the value and the counts of the period before."""
    said = became(figure, changed, before)
    if said == NONE_BEFORE:
        return said
    return f"{said}; before: {', '.join(map(unbroken, value(figure, before, unit).split(', ')))}"


def recovered(seconds: float | None, incidents: Iterable[IncidentReference]) -> str:
    """Say how long a failed deploy took to recover. Its first outage is timed; others may be open still."""
    still = sum(one.ended_at is None for one in incidents)
    if not still:
        return f", recovered after {duration(seconds)}."
    are_open = amount(still, "incident is", "incidents are")
    return f". Its first outage took {duration(seconds)}; {are_open} still open."


def became(figure: str, changed: SeriesChange, before: numbers.Figures) -> str:
    """Write what became of a figure since the period before."""
    if changed.by_figure[figure] == comparison.FEW and value(figure, before).startswith(NOTHING):
        return NONE_BEFORE
    return _word(figure, changed)


def difference(figure: str, changed: SeriesChange, names: Sequence[str]) -> str:
    """Write how the second of two groups differs from the first one."""
    said = _word(figure, changed)
    if comparison.is_clear(changed.by_figure[figure]):
        return f"{names[1]}: {said} than {names[0]}"
    return said.replace(UNCLEAR, "no clear difference")


def _word(figure: str, changed: SeriesChange) -> str:
    """Return the word of a change: more deploys, a higher rate, a longer time; or why there is none."""
    word = changed.by_figure[figure]
    if (figure, word) == (numbers.FREQUENCY, comparison.FEW):
        word = TOO_SHORT  # whole weeks are compared, however many deploys they have
    return _NOT_CLEAR.get(word) or f"clearly {_COUNTS[word] if figure == numbers.FREQUENCY else word}"


def value(figure: str, figures: numbers.Figures, unit: tuple[int, str] | None = None) -> str:
    """Write the main number of a figure with the count behind it; *unit* is that of a frequency."""
    if figure == numbers.FREQUENCY:
        found = figures.deployment_frequency
        often, within = frequency(found, unit=unit)
        deploys = amount(found.deploys, "deploy", "deploys")
        if within:
            return f"{often} {within}"
        return f"{often}, {deploys}" if found.deploys else often
    if figure == numbers.LEAD_TIME:
        lead = figures.change_lead_time
        commits = amount(lead.commits, "commit", "commits")
        return f"{duration(lead.median)}, {commits}" if lead.commits else NOTHING
    if figure == numbers.RECOVERY:
        recovery = figures.failed_deployment_recovery_time
        recovered = f"{duration(recovery.median)}, {count(recovery.recovered)} recovered"
        return recovered if recovery.recovered else NOTHING
    if figure == numbers.FAIL_RATE:
        return fail_rate(figures.change_fail_rate)
    return fraction(figures.deployment_rework_rate.rework, figures.deployment_rework_rate.deploys)
