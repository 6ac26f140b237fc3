"""docs/incidents.md: the diagram and the tables of the state machine, and the codes of reasons."""

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
        ("states", definitions(STATES)),
        ("inputs", definitions(INPUTS)),
        ("transitions", table(("states", "inputs", "next state", "event or reason"), transitions())),
        ("reasons", table(("code", "meaning"), ((f"`{code}`", about) for code, about in CODES.items()))),
    ):
        text = replace(text, name, body)
    return {PAGE: text}


def definitions(meanings: Mapping[str, str]) -> str:
    """Write a list of words with their meanings."""
    return "\n".join(f"* **{word}**: {meaning}" for word, meaning in meanings.items())


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
    """Write a row for all cells with one result, in the order of the inputs, less what the diagram says."""
    states: dict[tuple[str, Transition], list[str]] = {}
    for given in INPUTS:
        for state in STATES:
            if (state, given) in TABLE and not _drawn(state, TABLE[state, given]):
                states.setdefault((given, TABLE[state, given]), []).append(state)
    inputs: dict[tuple[str, Transition], list[str]] = {}
    for (given, transition), names in states.items():
        text = "any" if set(names) == set(STATES) else ", ".join(names)
        inputs.setdefault((text, transition), []).append(given)
    for (text, transition), given_here in inputs.items():
        yield (text, ", ".join(given_here), *_cells(transition))


def _drawn(state: str, transition: Transition) -> bool:
    """Whether the arrow says all of *transition*."""
    return transition.state not in (None, state) and not transition.reason and not transition.resolution


def _cells(transition: Transition) -> tuple[str, str]:
    event = f"`{transition.event}`" if transition.event else ""
    if transition.resolution:
        event += f", resolution `{transition.resolution}`"
    if transition.reason is REFUSAL:
        reason = f"`{FILTERED}` or `{UNMAPPED}`"
    else:
        reason = f"`{transition.reason.code}`" if transition.reason else ""
    return transition.state or "stays", event or reason
