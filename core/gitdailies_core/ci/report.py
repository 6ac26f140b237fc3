"""The report of a CI step on any platform: its outcome, lines for the log, and an exit code.

A step makes a report however it ends. None ends silently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitdailies_core.ci.facts import Skipped
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.error_text import relabel, relabel_all
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.events.field_types import DEPLOY_TYPES

REPORTED, SKIPPED, DRY_RUN, FAILED = "reported", "skipped", "dry-run", "failed"

DONE, NOT_DELIVERED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Attempted:
    """An event and the result of sending it. `code` is the exit code for this event alone.

    `message` is one line and never contains the key. `check` names the input that is probably wrong, or is
    empty. `note` is a further line for the log.
    """

    event: Event
    code: int
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """How a step ended.

    lines      messages for the log, each on one line, the most important last
    reason     why nothing was reported, or ""
    code       the exit code if the step is set to fail on an error
    payload    the events in the receiver's form: JSON, a list if there are several
    notes      lines for the log about what is not obvious
    warnings   lines for the log about what should be changed, although nothing went wrong
    """

    outcome: str
    lines: tuple[str, ...]
    reason: str = ""
    code: int = DONE
    http_status: int | None = None
    payload: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong: the deploy was reported or rightly skipped, or this was a dry run."""
        return self.code == DONE


def skipped(found: Skipped) -> Report:
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)


def dry_run(events: Sequence[Event], dialect: Dialect, notes: Sequence[str]) -> Report:
    """Return the report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event, dialect)}" for event in events)
    return Report(DRY_RUN, lines, payload=_payload(events, dialect), notes=tuple(notes))


def attempted(
    results: Sequence[Attempted],
    dialect: Dialect,
    notes: Sequence[str],
    warnings: Sequence[str],
    names: Mapping[str, str],
) -> Report:
    """Return the report of events that were sent. Some of them may have failed.

    *names* maps our names of inputs to the platform's, if it has other names.
    """
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    return Report(
        outcome=FAILED if failed else REPORTED,
        lines=tuple(
            _line(result, dialect, names) for result in [*(r for r in results if r not in failed), *failed]
        ),
        reason="; ".join(_line(result, dialect, names) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], dialect),
        notes=(*notes, *(result.note for result in results if result.note)),
        warnings=tuple(relabel(warning, names) for warning in warnings),
    )


def left_out(inputs: Inputs, dialect: Dialect) -> list[str]:
    """Return a note about the inputs that were set and that the receiver does not get."""
    names = [
        name
        for name in ("service", "type", "fixes", "url")
        # A deploy of the usual type loses nothing.
        if getattr(inputs, name) not in (None, DEPLOY_TYPES[0]) and name not in dialect.names
    ]
    if not names:
        return []
    return [f"not sent: {', '.join(names)}, because the receiver takes the documented fields alone"]


def refused(error: Exception, names: Mapping[str, str]) -> Report:
    """Return the report of an error before anything was sent. A foreign error is a fault of the step itself.

    *names* maps our names of inputs to the platform's, if it has other names.
    """
    ours = isinstance(error, GitDailiesError)
    complaints = error.complaints if isinstance(error, UsageError) else (str(error),)
    reason = (
        "; ".join(relabel_all(complaints, names))
        if ours
        else f"the step itself failed ({type(error).__name__}: {error})"
    )
    reason = " ".join(reason.split())
    code = error.exit_code if isinstance(error, GitDailiesError) else NOT_DELIVERED
    return Report(FAILED, (f"deploy not reported: {reason}",), reason, code)


def _line(result: Attempted, dialect: Dialect, names: Mapping[str, str]) -> str:
    what = _deploy(result.event, dialect)
    if result.code != DONE:
        check = f"; check {names.get(result.check, result.check)}" if result.check else ""
        return f"not reported: {what}: {result.message}{check}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {what}{again}"


def _deploy(event: Event, dialect: Dialect) -> str:
    """Describe an event for the log, by the fields that are sent."""
    kind, service, environment = (
        event.get(name) if name in dialect.names else None for name in ("type", "service", "environment")
    )
    parts = [
        kind or "deploy",
        "of",
        event.get("repo"),
        *([f"({service})"] if service else []),
        "at",
        event.get("commitSHA")[:7],
        *(["to", environment] if environment else []),
    ]
    return " ".join(parts)


def _payload(events: Sequence[Event], dialect: Dialect) -> str:
    bodies = [dialect.write(event) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))
