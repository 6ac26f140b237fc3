"""Translate a monitor's alert: the recommended template, and the payload that Datadog sends without one."""

import re
from collections.abc import Mapping
from typing import Any

from gitdailies_core import STATES, Change, Fields, Ignored, IncidentMessage, PayloadError, Request

from gitdailies_datadog.table import NO_MONITOR, TEST, UNKNOWN, code, meaning, transition
from gitdailies_datadog.title import Title
from gitdailies_datadog.variables import NO_TIME, environment, identity, services, tags, with_template

# The host has a length limit. Otherwise a body with many false matches would take quadratic time.
_MONITOR_LINK = re.compile(r"https://[a-z0-9.-]{1,100}/monitors/([0-9]{1,20})\b")


def monitor(body: Fields, options: Mapping[str, Any], request: Request) -> IncidentMessage:
    """Translate templates/monitor.json.txt, filled by Datadog."""
    given = body.optional_text("transition") or ""
    word = transition(given)
    title = Title.read(body.optional_text("title") or "")
    key = body.optional_text("event_id") or ""
    cycle = body.optional_text("cycle_key")
    incident = identity(cycle or body.optional_text("aggreg_key") or _scoped(body))
    if not body.is_named("transition") and not title.test:
        raise PayloadError("transition: missing; the template needs it")
    ignored = _ignored(title, given, word, options)
    if ignored:
        return Ignored(ignored, given, incident, key, code(ignored))
    if not incident:
        raise PayloadError(
            "cycle_key: missing, and so are aggreg_key and monitor_id; the template needs one of them"
        )
    at, env = body.optional_time("date_ms"), body.optional_text("env")
    found = with_template(tags(body.optional_text("tags")), env=env)
    return Change(
        state=meaning(word, options),
        word=word,
        incident=incident,
        at=at or request.received(NO_TIME),
        at_receipt=at is None,
        # No variable has the start time. Only a cycle key names one alert from start to end.
        occurrence=incident if cycle else None,
        key=key,
        services=services(body.optional_text("service"), found),
        environment=environment(env, found),
        title=title.name,
        url=body.optional_text("link"),
        priority=body.optional_text("priority"),
        tags=found,
    )


def default(body: Fields, options: Mapping[str, Any], request: Request) -> IncidentMessage:
    """Translate Datadog's own payload. Its state and scope are only in the brackets of the title.

    It has no key that joins a recovery to its alert. The id is made of the scope and the monitor's
    number, which is in the link that Datadog puts below the message.
    """
    title = Title.read(body.text("title"))
    word = transition(title.word)
    key = body.optional_text("id") or ""
    # Take the last link. The user's message above it may link to other monitors.
    link = next(reversed([*_MONITOR_LINK.finditer(body.optional_text("body") or "")]), None)
    incident = identity(f"{link[1]} {title.scope}" if link and title.scope else title.name)
    ignored = _ignored(title, title.word, word, options)
    of_monitor = link or title.scope or (body.optional_text("event_type") or "").endswith("monitor")
    if ignored == UNKNOWN and not of_monitor:
        # Any event of Datadog may have a bracket in its title.
        ignored = NO_MONITOR
    if ignored:
        return Ignored(ignored, title.word, incident, key, code(ignored))
    at = body.optional_time("date")
    found = tags(title.scope)
    return Change(
        state=meaning(word, options),
        word=word,
        incident=incident,
        at=at or request.received("date: expected a time, got none"),
        at_receipt=at is None,
        key=key,
        services=services(None, found),
        environment=environment(None, found),
        title=title.name,
        url=link[0] if link else None,
        tags=found,
    )


def _ignored(title: Title, given: str, word: str, options: Mapping[str, Any]) -> str:
    """Return why there is nothing to count, or ""."""
    if title.test:
        return TEST
    if not given:
        return NO_MONITOR
    if not word:
        return UNKNOWN
    found = meaning(word, options)
    return "" if found in STATES else found


def _scoped(body: Fields) -> str:
    # A monitor with several groups alerts for each. The number alone would close the wrong alert.
    number, scope = body.optional_text("monitor_id"), body.optional_text("scope")
    return f"{number} {scope}" if number and scope else number or ""
