"""The results of `derivation.md`, which `expected.json` has: questions, their figures, and words of verdicts.

`WHY` has, by event, the words of its verdicts for the question "shop": of a deploy on frequency, lead time,
fail rate, recovery, rework; of an incident's events as many as it takes part in.
"""

import json
from pathlib import Path
from typing import Any

_READ: dict[str, Any] = json.loads(Path(__file__).with_name("expected.json").read_text())
# Name in the derivation: the question.
QUESTIONS: dict[str, dict[str, str]] = _READ["questions"]
WHY: dict[str, str] = _READ["why"]
# What is given as its numerator and denominator.
_RATIOS = {"deploymentFrequency": ("deploys", "days"), "deploymentReworkRate": ("rework", "deploys")}


def expected(name: str) -> dict[str, Any]:
    """Return the five figures of a question, as they are answered."""
    figures: dict[str, Any] = _READ["figures"][name]
    ratios = {
        figure: {"value": figures[figure][part] / figures[figure][whole] if figures[figure][whole] else None}
        for figure, (part, whole) in _RATIOS.items()
    }
    return {figure: {**ratios.get(figure, {}), **numbers} for figure, numbers in figures.items()}
