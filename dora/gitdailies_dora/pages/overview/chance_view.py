"""How chance was subtracted from a change fail rate, for people: the counts of a sentence, and dots. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_dora.events import query
from gitdailies_dora.figures.answers.chance import LEAST_INCIDENTS, shown_rate
from gitdailies_dora.figures.answers.numbers import ChangeFailRate
from gitdailies_dora.pages.charts import sparks
from gitdailies_dora.pages.frame.formatting import amount, count, decimal, part_in_percent

# What the form asks for, in whole numbers: a name, its words, the usual number, the least and the largest.
ASKED = (
    ("deploys", "Deploys a week", "7", 1, 10_000),
    ("incidents", "Incidents in four weeks that no deploy caused", "4", 0, 10_000),
    ("fails", "Deploys that truly fail, in percent", "5", 0, 100),
)


def how_wrong(given: Mapping[str, str], window_days: float) -> dict[str, str]:
    """Return what a count of all incidents would show of a team with these numbers. Raises Refusal."""
    deploys, incidents, fails = (query.number(name, given[name], *bounds) for name, _, _, *bounds in ASKED)
    shown = shown_rate(deploys / 7, incidents / 4, fails / 100, window_days)
    times = f"{shown / fails * 100:.1f}" if fails else ""
    return {"true": f"{fails} %", "shown": part_in_percent(shown, 1), "times": times}


def explained(found: ChangeFailRate, shares: Sequence[float]) -> dict[str, Any] | None:
    """Return what the template shows; None if no deploy failed by time alone.

    *shares* says how late after a deploy each incident came, as `Sums.shares` does.
    """
    if not found.evidence.time:
        return None
    late = sum(1.0 if share > 0.5 else 0.5 if share == 0.5 else 0.0 for share in shares)
    soon = len(shares) - late
    incidents = amount(len(shares), "incident", "incidents")
    return {
        "incidents": incidents,
        "late": decimal(late),
        "soon": decimal(soon),
        "likely": decimal(min(late, soon)),
        "enough": len(shares) >= LEAST_INCIDENTS and found.by_chance is not None,
        "by_time": count(found.evidence.time),
        "by_chance": f"{found.by_chance or 0:.0f}",
        "strip": sparks.strip(
            f"{incidents}: {decimal(soon)} soon after a deploy, {decimal(late)} long after", shares
        ),
    }
