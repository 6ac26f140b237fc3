"""A CI platform: its name, its marker, its table, and how the step meets its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from gitdailies_core.ci.job.facts import Facts, Variables, given
from gitdailies_core.ci.job.table import Table
from gitdailies_core.ci.reporting.console import Step


class Platform(NamedTuple):
    """A CI platform. The module of its name defines it.

    word    names it in ids
    title   its name
    marker  the variable that is set on this platform; "false" counts as not set
    table   names its variables
    read    reads its facts from the job's variables and the event's payload
    step    how the step meets its jobs
    turn    if the markers of two platforms are set, the one with the lower turn is used
    name    names it in runs and reporters: by default the word
    """

    word: str
    title: str
    marker: str
    table: Table
    read: Callable[[Variables, Any], Facts]
    step: Step
    turn: int = 80
    name: str = ""

    @property
    def full_name(self) -> str:
        """What runs and reporters call it."""
        return self.name or self.word


def detect(platforms: Sequence[Platform], environ: Mapping[str, str]) -> Platform | None:
    """Return the first of *platforms* whose marker is set, or None."""
    for platform in platforms:
        marker = given(environ.get(platform.marker))
        if marker and marker.lower() != "false":
            return platform
    return None
