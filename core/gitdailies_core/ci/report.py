"""What a step says in the end, whatever its platform: an outcome, lines for the log, an exit code.

Every way a step can end comes through here, so that none of them is silent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitdailies_core.ci.facts import Skipped
from gitdailies_core.error_text import relabel
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

REPORTED, SKIPPED, DRY_RUN, FAILED = "reported", "skipped", "dry-run", "failed"

DONE, NOT_DELIVERED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Attempted:
    """An event and what came of sending it: `code` is that of this event alone."""

    event: Event
    code: int
    status: int | None
    said: str
    unchanged: bool = False


@dataclass(frozen=True)
class Report:
    """How a step ended.

    lines      what to tell, most important last, each on one line
    reason     why nothing was reported, or ""
    code       the exit code where the step is told to fail on an error
    payload    the events as they were written for the receiver: JSON, a list if there are several
    """

    outcome: str
    lines: tuple[str, ...]
    reason: str = ""
    code: int = DONE
    http_status: int | None = None
    payload: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong: reported, rightly skipped, or only tried."""
        return self.code == DONE


def skipped(found: Skipped) -> Report:
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)


def tried(events: Sequence[Event], dialect: Dialect, notes: Sequence[str]) -> Report:
    """Report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event)}" for event in events)
    return Report(DRY_RUN, lines, payload=_payload(events, dialect), notes=tuple(notes))


def attempted(results: Sequence[Attempted], dialect: Dialect, notes: Sequence[str]) -> Report:
    """Report of events that were sent, some of them perhaps in vain."""
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    return Report(
        outcome=FAILED if failed else REPORTED,
        lines=tuple(_line(result) for result in [*(r for r in results if r not in failed), *failed]),
        reason="; ".join(_line(result) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], dialect),
        notes=tuple(notes),
    )


def refused(error: Exception, names: Mapping[str, str]) -> Report:
    """Report of an error before anything was sent; one that is not ours is a fault of the step itself.

    *names* are what the platform calls the inputs, where it has names of its own for them.
    """
    ours = isinstance(error, GitDailiesError)
    reason = (
        relabel(str(error), names) if ours else f"the step itself failed ({type(error).__name__}: {error})"
    )
    reason = " ".join(reason.split())
    code = error.exit_code if isinstance(error, GitDailiesError) else NOT_DELIVERED
    return Report(FAILED, (f"deploy not reported: {reason}",), reason, code)


def _line(result: Attempted) -> str:
    if result.code != DONE:
        return f"not reported: {_deploy(result.event)}: {result.said}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {_deploy(result.event)}{again}"


def _deploy(event: Event) -> str:
    parts = [
        event.get("type") or "deploy",
        "of",
        event.get("repo"),
        *([f"({event.get('service')})"] if event.get("service") else []),
        "at",
        event.get("commitSHA")[:7],
        *(["to", event.get("environment")] if event.get("environment") else []),
    ]
    return " ".join(parts)


def _payload(events: Sequence[Event], dialect: Dialect) -> str:
    bodies = [dialect.write(event) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))
