"""docs/incidents.md: the diagram and the tables of the state machine, and the codes of reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gitdailies_core.incidents.records import ABSENT, STATES
from gitdailies_core.incidents.transitions import INPUTS, REFUSAL, TABLE, Transition
from gitdailies_core.reasons import CODES, FILTERED, UNMAPPED

from scripts.generators import replace, table

PAGE = "docs/incidents.md"
# Mermaid's word for the start of a diagram.
_BEGINNING = "[*]"


def texts(root: Path) -> Mapping[str, str]:
    """Return the page with fresh generated parts."""
    text = (root / PAGE).read_text("utf-8")
    for name, body in (
        ("diagram", "```mermaid\nstateDiagram-v2\n" + "\n".join(arrows()) + "\n```"),
        ("states", table(("state", "meaning"), STATES.items())),
        ("inputs", table(("input", "meaning"), INPUTS.items())),
        ("transitions", table(("state", "input", "next state", "event", "reason"), transitions())),
        ("reasons", table(("code", "meaning"), ((f"`{code}`", about) for code, about in CODES.items()))),
    ):
        text = replace(text, name, body)
    return {PAGE: text}


def arrows() -> Iterator[str]:
    """Write an arrow for each pair of states and each event, with every input that leads there."""
    inputs: dict[tuple[str, str, str], list[str]] = {}
    for (state, given), transition in TABLE.items():
        if transition.state is not None and transition.state != state:
            inputs.setdefault((state, transition.state, transition.event), []).append(given)
    for (before, after, event), names in inputs.items():
        sent = f" / {event}" if event else ""
        start = _BEGINNING if before == ABSENT else before
        yield f"    {start} --> {after}: {', '.join(names)}{sent}"


def transitions() -> Iterator[Sequence[str]]:
    """Write a row for each cell, sorted by state and then by input."""
    for state in STATES:
        for given in INPUTS:
            if (state, given) in TABLE:
                yield (state, given, *_cells(TABLE[state, given]))


def _cells(transition: Transition) -> tuple[str, str, str]:
    event = f"`{transition.event}`" if transition.event else ""
    if transition.resolution:
        event += f", resolution `{transition.resolution}`"
    if transition.reason is REFUSAL:
        reason = f"`{FILTERED}` or `{UNMAPPED}`"
    else:
        reason = f"`{transition.reason.code}`" if transition.reason else ""
    return transition.state or "stays", event, reason
