"""A change fail rate as people read it: how sure it is, and what it rests on."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from gitdailies_dora.figures.history.facts import CORRECTED, NAMED, REMEDIED
from gitdailies_dora.figures.words.durations import NOTHING

if TYPE_CHECKING:
    from gitdailies_dora.figures.answers.numbers import ChangeFailRate

# What says that a deploy failed for certain, by its name among the evidence.
EVIDENCE_WORDS = MappingProxyType(
    {REMEDIED: "rolled back or fixed", NAMED: "named by an incident", CORRECTED: "by correction"}
)
# With fewer deploys, one more or less would change a rate a lot.
LEAST_FOR_PERCENT = 20


def fail_rate(found: "ChangeFailRate") -> str:
    """Write the rate and its range: about 9 % failed, between 7 and 16 %.

    Few deploys, or an unknown chance, give counts: 6 to 14 of 17 failed. A bucket has no range of its own:
    there, the least are those that failed for certain.
    """
    if not found.settled:
        return NOTHING
    low, high = found.range.low, found.range.high
    if low is None or high is None or found.value is None or found.settled < LEAST_FOR_PERCENT:
        least = found.failed - found.evidence.time if low is None else round(low * found.settled)
        some = f"{found.failed:,}" if least == found.failed else f"{least:,} to {found.failed:,}"
        return f"{some} of {found.settled:,} failed"
    value, lowest, highest = map(_percent, (found.value, low, high))
    if lowest == highest:
        return f"{value} % failed"
    return f"about {value} % failed, between {lowest} and {highest} %"


def behind(found: "ChangeFailRate", window: str) -> str:
    """Write what a rate rests on: how many failed for certain, and how many may have, by chance."""
    evidence, certain = found.evidence, found.failed - found.evidence.time
    numbers = ((getattr(evidence, name), word) for name, word in EVIDENCE_WORDS.items())
    named = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    deploys = "1 deploy" if found.settled == 1 else f"{found.settled:,} deploys"
    text = f"{deploys}: {certain:,} failed for certain" + (f" ({named})" if named else "")
    if not evidence.time:
        return text
    text += f"; {evidence.time:,} had an incident within {window}"
    if not round(found.by_chance or 0):
        return text
    return f"{text}, about {found.by_chance:.0f} of them would have had one anyway"


def too_new(found: "ChangeFailRate", window: str) -> str:
    """Write how many deploys are younger than the window, and how many of these failed or may have."""
    failed = f"{found.failed_pending:,} failed or may have failed in the last {window}"
    return f"{found.pending:,} too new to tell, {failed}"


def _percent(rate: float) -> str:
    """Write a rate in percent, with one place below 1 %, where 0 would say that nothing failed."""
    return f"{rate * 100:.{1 if 0 < rate < 0.01 else 0}f}"
