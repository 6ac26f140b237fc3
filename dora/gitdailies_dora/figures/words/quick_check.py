"""The address of DORA's Quick Check with the measured answers filled in. DORA's page compares them.

Answers that are not known are left out, and that page asks for them. The steps of an answer are its own:
dora-team/dora.dev, svelte/quick-check/src/lib/data/metrics_question_responses.json, April 2026.
"""

from bisect import bisect_right
from urllib.parse import urlencode

from gitdailies_dora.figures.answers.numbers import Figures

_DAY = 86_400
# An hour, a day, a week, a month and half a year: a shorter time is the better answer, from 6 down to 1.
_DURATIONS = (3_600, _DAY, 7 * _DAY, 30 * _DAY, 182 * _DAY)
# Deploys a day: once in half a year, in a month, in a week, in a day, and several in a day.
_RATES = (1 / 182, 1 / 30, 1 / 7, 1, 2)


def quick_check(figures: Figures) -> str:
    """Return the address with the answers that *figures* give."""
    recovery = figures.failed_deployment_recovery_time
    often = figures.deployment_frequency.value
    restored = recovery.by_remedy.median if recovery.median is None else recovery.median
    answers = {
        "leadtime": _step(figures.change_lead_time.median),
        "deployfreq": None if often is None else 1 + bisect_right(_RATES, often),
        "failurerecovery": _step(restored),
        "changefailure": _percent(figures.change_fail_rate.value),
        "rework": _percent(figures.deployment_rework_rate.value),
        "v": 2025,
    }
    known = {name: one for name, one in answers.items() if one is not None}
    return f"https://dora.dev/quickcheck/?{urlencode(known)}"


def _step(seconds: float | None) -> int | None:
    return None if seconds is None else 6 - bisect_right(_DURATIONS, seconds)


def _percent(rate: float | None) -> int | None:
    return None if rate is None else round(rate * 100)
