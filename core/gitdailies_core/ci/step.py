"""The step of every CI platform: finds the platform, reports the job's deploys, ends as its inputs say.

This module is exempt from core's rule against I/O: it reads the environment and writes the job's log, runs
git if needed, and sends the events. The joiner makes the published files from it and from the platforms.
Their last lines call `start`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from gitdailies_core.ci.deploys.checkout import deploys_in
from gitdailies_core.ci.job.facts import Skipped, Variables
from gitdailies_core.ci.reporting.console import PREFIX, refuse_misspelled, strict, texts
from gitdailies_core.ci.reporting.platform import Platform, detect
from gitdailies_core.ci.reporting.report import (
    NOT_DELIVERED,
    Attempted,
    Report,
    attempted,
    dry_run,
    left_out,
    refused,
    skipped,
)
from gitdailies_core.ci.reporting.settings import TRUE, Settings
from gitdailies_core.ci.sending.id_token import id_token
from gitdailies_core.ci.sending.receiver import Receiver, warning_about
from gitdailies_core.ci.sending.sender import send_all
from gitdailies_core.errors import DeliveryError, UsageError
from gitdailies_core.values.times import text_of


def start(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> NoReturn:
    """Run the step for a job of one of *platforms*, and end the process.

    *version* is that of the file. *lent* holds the functions that an agent adds to a script.
    """
    code = _guarded(platforms, version, lent)
    if any(platform.lends in lent for platform in platforms):
        # Such an agent runs the script in its own process, and has work to do afterwards.
        sys.exit(code)
    # Where the log is closed, or there is none, the usual end of Python would change the exit code.
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    os._exit(code)


def _guarded(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> int:
    """Run the step. Whatever goes wrong in it never fails the job, unless an input says so."""
    try:
        return _main(platforms, version, lent)
    except Exception as error:  # noqa: BLE001  a closed log or a full disk, too
        names = (f"{prefix}FAIL_ON_ERROR" for prefix in (PREFIX, "INPUT_", "PARAM_"))
        fails = any(os.environ.get(name, "").strip().lower() in TRUE for name in names)
        try:
            level = "ERROR" if fails else "WARNING"
            print(
                f"GitDailies: {level}: deploy not reported: the step itself failed ({type(error).__name__})"
            )
        except (OSError, ValueError):
            # There is no log to write to.
            return int(fails)
        return int(fails)


def _main(platforms: Sequence[Platform], version: str, lent: Mapping[str, Any]) -> int:
    # Windows' own code page lacks many characters, and platforms read UTF-8.
    if sys.stdout is not None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    platform, environ = _job(platforms, lent)
    report, fails = _reported(platform, version, environ)
    for line in platform.log(report, fails):
        print(line)
    for name, text in platform.files(report).items():
        if not _appended(environ.get(name, ""), text):
            print(platform.not_written(name))
    return report.code if fails or report.ok else platform.warned(environ)


def _job(platforms: Sequence[Platform], lent: Mapping[str, Any]) -> tuple[Platform, Mapping[str, str]]:
    """Return the platform of the job and its variables. The only platform of a file needs no marker."""
    lender = next((platform for platform in platforms if platform.lends in lent), None)
    platform = platforms[0] if len(platforms) == 1 else lender or detect(platforms, os.environ)
    if platform.lends and (lender or len(platforms) == 1):
        return platform, platform.ask(lent, sys.stdin.buffer.read)
    return platform, os.environ


def _reported(platform: Platform, version: str, environ: Mapping[str, str]) -> tuple[Report, bool]:
    """Run the step; return its report, and whether an error fails the job."""
    try:
        refuse_misspelled(environ)
        inputs = platform.inputs(environ)
    except UsageError as error:
        # The inputs cannot be read, or one is misspelled. The variable says whether errors fail the job.
        return refused(error, platform.names), strict(texts(environ))
    for line in platform.masks(inputs["webhook-key"]):
        print(line)
    report = run(
        platform,
        inputs,
        environ=environ,
        event=_event(environ.get(platform.event, "")),
        directory=environ.get(platform.folder) or ".",
        agent=f"{platform.agent}/{version}" if version else platform.agent,
    )
    return report, strict(inputs)


def _event(path: str) -> Any:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  a step needs no pathlib
            return json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        # If the commit is only in the payload, the report says so. It is never guessed.
        return None


def _appended(path: str, text: str) -> bool:
    try:
        # Bytes that are not UTF-8 are written as escapes. They are no error.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:  # noqa: PTH123
            file.write(text)
    except OSError:
        return False
    return True


def run(
    platform: Platform,
    given: Mapping[str, str | None],
    *,
    environ: Mapping[str, str],
    event: Any = None,
    directory: str = ".",
    agent: str,
) -> Report:
    """Report the job's deploys and return how it went. Raises nothing.

    *given* are the inputs by the names of `settings`. *agent* names the step to the receiver.
    """
    names = platform.names
    try:
        settings = Settings.make(given)
        found = deploys_in(
            directory,
            platform,
            environ=environ,
            event=event,
            inputs=settings.inputs,
            path=settings.path,
            call=os.urandom(8).hex(),
            debug=names if settings.debug else None,
        )
        if isinstance(found, Skipped):
            return skipped(found)
        notes = [*found.notes, *left_out(settings.inputs, settings.receiver)]
        if settings.dry_run:
            return dry_run(found.events, settings.receiver, notes, found.warnings)
        time = text_of(datetime.now(timezone.utc).replace(microsecond=0))
        receiver = Receiver(
            url=settings.url or "",
            key=settings.key,
            takes=settings.receiver,
            agent=agent,
            timeout_seconds=settings.timeout_seconds,
            retries=settings.retries,
            is_token=settings.oidc,
        )
        until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
        try:
            if settings.oidc and settings.url:
                fork = any(target.foreign for target in platform.read(Variables(environ, event)).targets)
                token = id_token(platform, environ, receiver, fork=fork, until=until)
                receiver = receiver._replace(key=token)
                for line in platform.masks(token.reveal()):
                    print(line)
            results, more = _send(found.events, receiver, platform.no_key, until)
        except DeliveryError as error:
            results = [Attempted(one, NOT_DELIVERED, None, 0, str(error)) for one in found.events]
            more = []
        return attempted(
            results,
            settings.receiver,
            notes,
            [*found.warnings, *more],
            names,
            time=time,
            paths=settings.inputs.paths,
            keyless=settings.oidc,
        )
    except Exception as error:  # noqa: BLE001  a failed report never fails the deploy
        return refused(error, names)


def _send(
    events: Sequence[Mapping[str, Any]], receiver: Receiver, no_key: str, until: datetime
) -> tuple[list[Attempted], list[str]]:
    """Send the events. Return how that went, and warnings. Raises UsageError."""
    if not (receiver.key or receiver.is_token):
        raise UsageError(f"webhook-key: expected a webhook key, got nothing{no_key}")
    if not receiver.url:
        raise UsageError("webhook-url: expected the address of the DORA server, got nothing")
    receiver = receiver.checked()
    warning = warning_about(receiver.url)
    return send_all(events, receiver, until), [warning] if warning else []
