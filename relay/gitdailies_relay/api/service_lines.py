"""Services as programs see them: those without a line, with a suggestion, and the lines of gitdailies.yml."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gitdailies_connection.config import yaml_document
from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.incidents.routing import FALLBACK, Routes
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.api.suggestions import suggestion
from gitdailies_relay.operations.unmapped import PLACEHOLDER, UnmappedService, line_for, services

# How many bodies are read to find unmapped services, and events to find mapped ones, the newest first.
MOST_BODIES = 1000
MOST_EVENTS = 5000
_NEWEST_EVENTS = "SELECT stored_at, body FROM events ORDER BY seq DESC LIMIT ?"
_WAITING = "SELECT count(*) FROM quarantine WHERE code = 'unmapped' AND replayed_at IS NULL"


def lines_of(file: Path) -> dict[str, int]:
    """Return the line of each service in gitdailies.yml, by its name in small letters; {} if it has none."""
    try:
        document = yaml_document.parse(yaml_document.read_text(file), str(file))
    except ConfigurationError:
        # It was changed since it was read, and is wrong now. `reloadFailed` in the status says so.
        return {}
    return {
        str(place[1]).casefold(): line
        for place, (line, _) in document.places.items()
        if len(place) == 2 and place[0] == "services"
    }


def report(
    session: Session, sources: Mapping[str, Source], routes: Routes, file: Path, *, writable: bool
) -> dict[str, Any]:
    """Return the services without a line, and each line with its targets and when it was used last.

    `complete` says whether every waiting body was read for it; else the newest were.
    """
    (waiting,) = session.execute(_WAITING).fetchone()
    seen = _seen(session)
    repos = _known_repos(routes, seen)
    found = services(session, sources, routes, most=MOST_BODIES)
    lines = lines_of(file)
    return {
        "file": file.name,
        "writable": writable,
        "waiting": waiting,
        "complete": waiting <= MOST_BODIES,
        "unmapped": [_unmapped(one, suggestion(one.name, one.aliases, repos)) for one in found],
        "mapped": [
            {
                "name": name,
                "line": lines.get(name),
                "ignored": not targets,
                "targets": [{"repo": route.repo, "environment": route.environment} for route in targets],
                "lastSeenAt": _last_seen(name, {route.repo for route in targets}, seen),
            }
            for name, targets in routes.table.items()
        ],
    }


def _unmapped(one: UnmappedService, repo: str | None) -> dict[str, Any]:
    line = line_for(one.name, repo or PLACEHOLDER) if one.name else None
    return {**one.to_json(), "suggestion": repo, "line": line}


_Seen = Mapping[tuple[str, str], int]


def _seen(session: Session) -> _Seen:
    """Return when one of the newest events named a service, in small letters, and a repository."""
    found: dict[tuple[str, str], int] = {}
    for stored_at, body in session.execute(_NEWEST_EVENTS, (MOST_EVENTS,)).fetchall():
        event = json.loads(body)
        service, repo = str(event.get("service") or ""), str(event.get("repo") or "")
        found.setdefault((service.casefold(), repo), stored_at)
    return found


def _last_seen(name: str, repos: Iterable[str], seen: _Seen) -> str | None:
    """Return when a line was used last. An event names the service, and a line may name its id."""
    of_name = [at for (service, _), at in seen.items() if service == name]
    if not of_name and name != FALLBACK:
        of_name = [at for (_, repo), at in seen.items() if repo in set(repos)]
    return text_of(from_us(max(of_name))) if of_name else None


def _known_repos(routes: Routes, seen: _Seen) -> list[str]:
    fixed = [route.repo for found in routes.table.values() for route in found if route.is_fixed]
    return sorted({*fixed, *(repo for _, repo in seen if repo)})
