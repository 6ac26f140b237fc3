"""Services: those without a line, the YAML to paste for them, and the lines of gitdailies.yml.

Bodies are translated again with the current routes, so that a service with a new line is not listed.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gitdailies_connection.config.sections.services import lines_of
from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_connection.config.template import quoted
from gitdailies_connection.relay import answers
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import UNMAPPED
from gitdailies_core.sources.protocol import RESOLVED, Change, Service
from gitdailies_core.sources.request import Request
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us
from msgspec import structs

from gitdailies_relay.accepting.interpret import decode
from gitdailies_relay.operations.outcomes import counted
from gitdailies_relay.operations.reading import MAPPED_BY

# The unmapped deliveries that wait for a replay.
_QUARANTINED = (
    "SELECT source, received_at, content_type, body FROM quarantine"
    " WHERE code = ? AND replayed_at IS NULL ORDER BY delivery DESC LIMIT ?"
)
_ALL = 2**62
# Where the repository has to be written. The configuration refuses this word, so no one forgets it.
PLACEHOLDER = "REPOSITORY"
# How many bodies are read to find unmapped services, and deliveries to find the last use of a line.
MOST_BODIES = 1000
MOST_READ = 20_000
_NEWEST = "SELECT seq, received_at, reason, delivery FROM deliveries ORDER BY seq DESC LIMIT ?"
_EVENTS = "SELECT body FROM events WHERE delivery = ?"
_WAITING = "SELECT count(*) FROM quarantine WHERE code = 'unmapped' AND replayed_at IS NULL"
# Words that tell services of one repository apart, not repositories.
_COMMON = frozenset({"prod", "production", "staging", "live", "service", "app", "the", "team"})
_WORD = re.compile(r"[^\W_]+")


@dataclass
class _Counted:
    """What deliveries say about one service without a line, as they are read. Incidents have a last state."""

    service: Service
    last_at: int
    deliveries: int = 0
    incidents: dict[str, str] = field(default_factory=dict)


def unmapped_services(
    session: Session, sources: Mapping[str, Source], routes: Routes, *, most: int = _ALL
) -> list[answers.UnmappedService]:
    """Return the services of quarantined deliveries that have no line, those with most deliveries first.

    The newest *most* deliveries are read. A service has the names that the oldest of them gives it.
    """
    found: dict[tuple[str, str], _Counted] = {}
    for name, received_at, content_type, body in session.execute(_QUARANTINED, (UNMAPPED, most)):
        source = sources.get(name)
        if source is None:
            continue
        in_delivery: set[tuple[str, str]] = set()
        for change, service in _without_line(source, routes, content_type, body):
            # Several services may have one name; the id comes first.
            key = (name, (*service.aliases, service.name)[0].casefold())
            counted = found.setdefault(key, _Counted(service, received_at))
            counted.service = service
            counted.incidents.setdefault(change.incident, change.state)
            counted.deliveries += key not in in_delivery
            counted.last_at = max(counted.last_at, received_at)
            in_delivery.add(key)
    services = [
        answers.UnmappedService(
            source,
            one.service.name or None,
            one.service.aliases,
            one.deliveries,
            len(one.incidents),
            sum(state != RESOLVED for state in one.incidents.values()),
            from_us(one.last_at),
        )
        for (source, _), one in found.items()
    ]
    return sorted(services, key=lambda one: (-one.deliveries, one.source, one.service or ""))


def lines_to_paste(found: Sequence[answers.UnmappedService], *, fallback: bool = False) -> Iterator[str]:
    """Write lines to paste under `services` in gitdailies.yml, each name once.

    *fallback*: gitdailies.yml has a line "*" already, so that another one would be refused.
    """
    if not found:
        yield "# every service that was named has a line"
        return
    yield f"# Paste under services in gitdailies.yml, with OWNER/NAME in place of {PLACEHOLDER},"
    yield "# or with {ignore: true} for a service that should not count;"
    yield "# then: gitdailies reload, and gitdailies relay replay --unmapped"
    by_name: dict[str, list[answers.UnmappedService]] = {}
    for one in found:
        by_name.setdefault((one.service or "").casefold(), []).append(one)
    groups: list[list[answers.UnmappedService]] = []
    for same in by_name.values():
        # Several sources have the name alone in common. Those of one source have ids of their own.
        groups += [same] if len({one.source for one in same}) > 1 else [[one] for one in same]
    for same in sorted(groups, key=lambda same: not same[0].service):
        name = (*(same[0].aliases if len(same) == 1 else ()), same[0].service)[0]
        yield from (f"  # {_comment(one, name)}" for one in same)
        if name:
            yield f"  {line_for(name)}"
        elif fallback:
            yield '  # The delivery names no service, but the line "*" needs its name for {service}.'
            yield '  # Write OWNER/NAME in the line "*", or have the vendor send the service.'
        else:
            yield "  # The delivery names no service. Have the vendor send it; the vendor's page says how."
            yield '  # A line "*" would take it, and with it every service that has no line of its own.'


def line_for(name: str, repo: str = PLACEHOLDER) -> str:
    """Write the line of a service for gitdailies.yml."""
    return f"{quoted(name)}: {{repo: {repo}}}"


def _comment(service: answers.UnmappedService, line: str | None) -> str:
    text = f"{service.source}, {counted(service.deliveries, 'delivery', 'deliveries')}"
    text += f" about {counted(service.incidents, 'incident', 'incidents')}"
    text += f", last {text_of(service.last_received_at)}"
    names = (*service.aliases, service.service)
    others = ", ".join(quoted(name) for name in names if name and name != line)
    return text + (f"; also known as {others}" if others else "")


def _without_line(
    source: Source, routes: Routes, content_type: str, body: bytes
) -> Iterator[tuple[Change, Service]]:
    """Yield each change with a service that no line matches."""
    request = Request.make(headers={"content-type": content_type}, body=body, decode=decode)
    try:
        messages = adapter_of(source).translate(request, source.options)
    except GitDailiesError:
        # It could be read when it was quarantined. `relay replay` says what is wrong now.
        return
    for change in messages:
        if isinstance(change, Change):
            for service in change.services or (None,):
                services = (service,) if service else ()
                if routes.route(replace(change, services=services)).unmapped:
                    yield change, service or Service("")


def report(
    session: Session, sources: Mapping[str, Source], routes: Routes, file: Path, *, writable: bool
) -> answers.ServiceReport:
    """Return the services without a line, and each line with its targets and its last use."""
    (waiting,) = session.execute(_WAITING).fetchone()
    used = _used(session)
    fixed = {route.repo for found in routes.table.values() for route in found if route.is_fixed}
    repos = sorted(fixed | used.repos)
    lines = lines_of(file)
    return answers.ServiceReport(
        file=file.name,
        writable=writable,
        waiting=waiting,
        complete=waiting <= MOST_BODIES,
        looked_back_to=used.looked_back_to,
        unmapped=tuple(
            _suggested(one, repos) for one in unmapped_services(session, sources, routes, most=MOST_BODIES)
        ),
        mapped=tuple(
            answers.ServiceUse(
                lines[name].name if name in lines else name,
                lines[name].file.name if name in lines else None,
                lines[name].number if name in lines else None,
                not targets,
                tuple(answers.LineTarget(route.repo, route.environment, route.service) for route in targets),
                from_us(used.at.get(name)),
                tuple(sorted(used.services.get(name, ()))),
            )
            for name, targets in routes.table.items()
        ),
    )


def _suggested(one: answers.UnmappedService, repos: Sequence[str]) -> answers.SuggestedService:
    repo = suggestion(one.service or "", one.aliases, repos)
    name = (*one.aliases, one.service)[0]
    line = line_for(name, repo or PLACEHOLDER) if name else None
    if line and one.aliases and one.service:
        line += f"  # {' '.join(one.service.split())}"
    return answers.SuggestedService(**structs.asdict(one), suggestion=repo, line=line)


class _Used(NamedTuple):
    """When the newest deliveries used each line (µs), the repositories of the lines, and how far that goes.

    `services` has, by the line, the names in the events of its newest delivery for each repository.
    `looked_back_to` is None if every delivery was read: the first has number 1.
    """

    at: Mapping[str, int]
    repos: frozenset[str]
    looked_back_to: datetime | None
    services: Mapping[str, set[str]]


def _used(session: Session) -> _Used:
    rows = session.execute(_NEWEST, (MOST_READ,)).fetchall()
    found = [(line, repo, at) for _, at, reason, _ in rows for line, repo in MAPPED_BY.findall(reason)]
    # Where one delivery has several lines, nothing says which line an event is from.
    newest = {pairs[0]: row[3] for row in reversed(rows) if len(pairs := MAPPED_BY.findall(row[2])) == 1}
    services: dict[str, set[str]] = defaultdict(set)
    for (line, _), delivery in newest.items():
        for (body,) in session.execute(_EVENTS, (delivery,)).fetchall():
            services[line].add(json.loads(body).get("service") or "")
    number, oldest, *_ = rows[-1] if rows else (1, 0)
    return _Used(
        {line: at for line, _, at in reversed(found)},
        frozenset(repo for _, repo, _ in found),
        from_us(oldest) if number > 1 else None,
        services,
    )


def suggestion(name: str, aliases: Sequence[str], repos: Iterable[str]) -> str | None:
    """Return the repository whose name has most words of a service, None where none is or several are alike.

    It is only a suggestion. Nothing counts for a repository that no person wrote down.
    """
    scored = sorted(
        ((max(_alike(_words(text), _words(repo.partition("/")[2])) for text in (name, *aliases)), repo))
        for repo in repos
    )
    if not scored or scored[-1][0] < 0.5:
        return None
    best, repo = scored[-1]
    return None if len(scored) > 1 and scored[-2][0] == best else repo


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text)) - _COMMON


def _alike(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of words that both have: 0 for none, 1 for the same words."""
    both = first | second
    return len(first & second) / len(both) if both else 0.0
