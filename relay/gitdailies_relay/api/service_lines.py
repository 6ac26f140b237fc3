"""Services as programs see them: those without a line, with a suggestion, and the lines of gitdailies.yml."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gitdailies_connection.config.services import ServiceLine, lines_of
from gitdailies_connection.config.settings import Source
from gitdailies_core.incidents.routing import FALLBACK, Routes
from gitdailies_core.values import patterns
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.api.suggestions import suggestion
from gitdailies_relay.operations.unmapped import PLACEHOLDER, UnmappedService, line_for, services

# How many bodies are read to find unmapped services, and events to find mapped ones, the newest first.
MOST_BODIES = 1000
MOST_EVENTS = 5000
_NEWEST_EVENTS = "SELECT seq, stored_at, body FROM events ORDER BY seq DESC LIMIT ?"
_WAITING = "SELECT count(*) FROM quarantine WHERE code = 'unmapped' AND replayed_at IS NULL"


def report(
    session: Session, sources: Mapping[str, Source], routes: Routes, file: Path, *, writable: bool
) -> dict[str, Any]:
    """Return the services without a line, and each line with its targets and when it was used last.

    `complete` says whether every waiting body was read for it; else the newest were. `lookedBackTo` is the
    time of the oldest event that was read for the lines, or null if every event so far was.
    """
    (waiting,) = session.execute(_WAITING).fetchone()
    seen, looked_back_to = _seen(session)
    repos = _known_repos(routes, seen)
    found = services(session, sources, routes, most=MOST_BODIES)
    lines = lines_of(file)
    return {
        "file": file.name,
        "writable": writable,
        "waiting": waiting,
        "complete": waiting <= MOST_BODIES,
        "lookedBackTo": looked_back_to,
        "unmapped": [_unmapped(one, suggestion(one.name, one.aliases, repos)) for one in found],
        "mapped": [
            {
                "name": name,
                **place_of(lines.get(name)),
                "ignored": not targets,
                "targets": [{"repo": route.repo, "environment": route.environment} for route in targets],
                "lastSeenAt": _last_seen(name, {route.repo for route in targets}, seen, routes),
            }
            for name, targets in routes.table.items()
        ],
    }


def place_of(line: ServiceLine | None) -> dict[str, Any]:
    """Return the file and the number of a line, each None where it is not known."""
    return {"file": line.file.name if line else None, "line": line.number if line else None}


def _unmapped(one: UnmappedService, repo: str | None) -> dict[str, Any]:
    line = line_for(one.name, repo or PLACEHOLDER) if one.name else None
    return {**one.to_json(), "suggestion": repo, "line": line}


_Seen = Mapping[tuple[str, str], int]


def _seen(session: Session) -> tuple[_Seen, str | None]:
    """Return when one of the newest events named a service, in small letters, and a repository.

    The second is the time of the oldest of them, or None if there was none before it: the first has number 1.
    """
    found: dict[tuple[str, str], int] = {}
    rows = session.execute(_NEWEST_EVENTS, (MOST_EVENTS,)).fetchall()
    for _, stored_at, body in rows:
        event = json.loads(body)
        service, repo = str(event.get("service") or ""), str(event.get("repo") or "")
        found.setdefault((service.casefold(), repo), stored_at)
    number, oldest, _ = rows[-1] if rows else (1, 0, "")
    return found, text_of(from_us(oldest)) if number > 1 else None


def _last_seen(name: str, repos: Iterable[str], seen: _Seen, routes: Routes) -> str | None:
    """Return when a line was used last. An event has a service's name, a line may have an id or a pattern."""
    of_name = [at for (service, _), at in seen.items() if service == name]
    if not of_name and name != FALLBACK and patterns.is_pattern(name):
        of_name = [at for (service, _), at in seen.items() if service and routes.line_for(service) == name]
    elif not of_name and name != FALLBACK:
        of_name = [at for (_, repo), at in seen.items() if repo in set(repos)]
    return text_of(from_us(max(of_name))) if of_name else None


def _known_repos(routes: Routes, seen: _Seen) -> list[str]:
    fixed = [route.repo for found in routes.table.values() for route in found if route.is_fixed]
    return sorted({*fixed, *(repo for _, repo in seen if repo)})
