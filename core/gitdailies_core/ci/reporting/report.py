"""The report of a CI step on any platform: its outcome, lines for the log, and an exit code.

A step makes a report however it ends. None ends silently.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import Skipped
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.error_text import relabel, relabel_all
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_core.events.field_types import DEPLOY_TYPES
from gitdailies_core.events.kind import DEPLOY
from gitdailies_core.events.receivers import taken

REPORTED, SKIPPED, DRY_RUN, FAILED = "reported", "skipped", "dry-run", "failed"

DONE, NOT_DELIVERED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4


# The options of `gitdailies deploy` by the fields of an event. It reads commits from its checkout.
OPTIONS: Mapping[str, str] = {
    "repo": "--repo",
    "commitSHA": "--sha",
    "environment": "--environment",
    "branch": "--branch",
    "service": "--service",
    "type": "--type",
    "tier": "--tier",
    "run": "--run",
    "attempt": "--attempt",
    "trigger": "--trigger",
    "reporter": "--reporter",
    "fixes": "--fixes",
    "url": "--page",
    "time": "--time",
    "id": "--id",
}


class Attempted(NamedTuple):
    """An event and the result of sending it. `code` is the exit code for this event alone.

    `message` is one line and never contains the key. `check` names the input that is probably wrong, or is
    empty. `note` is a further line for the log. `body` is what a receiver answered that took it.
    """

    event: Mapping[str, Any]
    code: int
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""
    note: str = ""
    body: Any = None


class Report(NamedTuple):
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


def body_of(event: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    """Return a deploy as the JSON object that *receiver* takes."""
    return {name: event[name] for name in event if name in taken(DEPLOY, receiver)} | {"kind": DEPLOY.word}


def skipped(found: Skipped) -> Report:
    return Report(SKIPPED, (f"nothing reported: {found.reason}",), found.reason)


def dry_run(
    events: Sequence[Mapping[str, Any]], receiver: str, notes: Sequence[str], warnings: Sequence[str]
) -> Report:
    """Return the report of a dry run."""
    lines = tuple(f"dry run, not sent: {_deploy(event, receiver)}" for event in events)
    payload = _payload(events, receiver)
    return Report(DRY_RUN, lines, payload=payload, notes=tuple(notes), warnings=tuple(warnings))


def attempted(
    results: Sequence[Attempted],
    receiver: str,
    notes: Sequence[str],
    warnings: Sequence[str],
    names: Mapping[str, str],
    *,
    time: str,
    paths: Sequence[str] = (),
    keyless: bool = False,
) -> Report:
    """Return the report of events that were sent. Some of them may have failed.

    *names* maps our names of inputs to the platform's, if it has other names. *time* is when the deploys
    were reported, and *paths* the files of the service. A *keyless* job has no key that sends them later.
    """
    failed = [result for result in results if result.code != DONE]
    code = max((result.code for result in failed), default=DONE)
    if 0 < len(failed) < len(results):
        code = PARTLY
    last = (failed or list(results))[-1]
    lines = [_line(result, receiver, names) for result in results if result not in failed]
    lines += [_line(result, receiver, names) + _later(result, time, paths, keyless) for result in failed]
    return Report(
        outcome=FAILED if failed else REPORTED,
        lines=tuple(lines),
        reason="; ".join(_line(result, receiver, names) for result in failed),
        code=code,
        http_status=last.status,
        payload=_payload([result.event for result in results], receiver),
        notes=(*notes, *(result.note for result in results if result.note)),
        warnings=tuple(relabel(warning, names) for warning in warnings),
    )


def left_out(inputs: Inputs, receiver: str) -> list[str]:
    """Return a note about the inputs that were set and that the receiver does not get."""
    names = [
        name
        for name in ("service", "type", "fixes", "url")
        # A deploy of the usual type loses nothing.
        if getattr(inputs, name) not in (None, DEPLOY_TYPES[0]) and name not in taken(DEPLOY, receiver)
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


def _line(result: Attempted, receiver: str, names: Mapping[str, str]) -> str:
    what = _deploy(result.event, receiver)
    if result.code != DONE:
        check = f"; check {names.get(result.check, result.check)}" if result.check else ""
        return f"not reported: {what}: {result.message}{check}"
    again = ", which was counted already" if result.unchanged else ""
    return f"reported: {what}{again}"


def _later(result: Attempted, time: str, paths: Sequence[str], keyless: bool) -> str:
    """Return the command that sends an event later, unless the receiver would refuse it again."""
    if result.code == REFUSED and not result.check:
        return ""
    event = {"time": time, **result.event}
    words = [word for name, option in OPTIONS.items() if event.get(name) for word in (option, event[name])]
    words += [word for path in paths for word in ("--paths", path)]
    where = f", in a clone of {event['repo']} for its commits" if event.get("commits") else ""
    by = ", with a webhook key" if keyless else ""
    return f". To send it later{by}{where}: {shlex.join(['gitdailies', 'deploy', *words])}"


def _deploy(event: Mapping[str, Any], receiver: str) -> str:
    sent = body_of(event, receiver)
    service = f" ({sent['service']})" if "service" in sent else ""
    environment = f" to {sent['environment']}" if "environment" in sent else ""
    return f"{sent.get('type', 'deploy')} of {sent['repo']}{service} at {sent['commitSHA'][:7]}{environment}"


def _payload(events: Sequence[Mapping[str, Any]], receiver: str) -> str:
    bodies = [body_of(event, receiver) for event in events]
    return json.dumps(bodies[0] if len(bodies) == 1 else bodies, separators=(",", ":"))
