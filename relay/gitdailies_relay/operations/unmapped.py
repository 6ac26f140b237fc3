"""Services without a line: those that quarantined deliveries name, and the YAML to paste for them.

Bodies are translated again with the current routes, so that a service with a new line is not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitdailies_connection.config.settings import Source
from gitdailies_connection.config.sources import adapter_of
from gitdailies_connection.config.template import quoted
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import UNMAPPED
from gitdailies_core.sources.protocol import Change, Service
from gitdailies_core.sources.request import Request
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.accepting.interpret import decode

# The unmapped deliveries that wait for a replay.
_QUARANTINED = (
    "SELECT source, received_at, content_type, body FROM quarantine"
    " WHERE code = ? AND replayed_at IS NULL ORDER BY delivery DESC LIMIT ?"
)
_ALL = 2**62
# Where the repository has to be written. The configuration refuses this word, so no one forgets it.
PLACEHOLDER = "REPOSITORY"


@dataclass
class UnmappedService:
    """A service that no line names. `name` is "" for deliveries that name no service."""

    source: str
    name: str
    aliases: tuple[str, ...]
    deliveries: int = 0
    last_at: int = 0
    incidents: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "service": self.name or None,
            "aliases": list(self.aliases),
            "deliveries": self.deliveries,
            "incidents": len(self.incidents),
            "lastReceivedAt": text_of(from_us(self.last_at)),
        }


def services(
    connection: Session, sources: Mapping[str, Source], routes: Routes, *, most: int = _ALL
) -> Sequence[UnmappedService]:
    """Return the services of quarantined deliveries that have no line, those with most deliveries first.

    The newest *most* deliveries are read. A service has the name that the oldest of them gives it.
    """
    found: dict[tuple[str, str], UnmappedService] = {}
    for name, received_at, content_type, body in connection.execute(_QUARANTINED, (UNMAPPED, most)):
        source = sources.get(name)
        if source is None:
            continue
        in_delivery: set[tuple[str, str]] = set()
        for change, service in _without_line(source, routes, content_type, body):
            key = (name, service.name.casefold())
            unmapped = found.setdefault(key, UnmappedService(name, service.name, service.aliases))
            unmapped.name, unmapped.aliases = service.name, service.aliases
            unmapped.incidents.add(change.incident)
            unmapped.deliveries += key not in in_delivery
            unmapped.last_at = max(unmapped.last_at, received_at)
            in_delivery.add(key)
    return sorted(found.values(), key=lambda one: (-one.deliveries, one.source, one.name))


def lines(found: Sequence[UnmappedService], *, fallback: bool = False) -> Iterator[str]:
    """Write lines to paste under `services` in gitdailies.yml, each name once.

    *fallback*: gitdailies.yml has a line "*" already, so that another one would be refused.
    """
    if not found:
        yield "# every service that was named has a line"
        return
    yield f"# Paste under services in gitdailies.yml, with OWNER/NAME in place of {PLACEHOLDER},"
    yield "# or with {ignore: true} for a service that shall not count;"
    yield "# send SIGHUP to the relay, then: gitdailies relay replay --unmapped"
    by_name: dict[str, list[UnmappedService]] = {}
    for one in found:
        by_name.setdefault(one.name.casefold(), []).append(one)
    for same in sorted(by_name.values(), key=lambda same: not same[0].name):
        yield from (f"  # {_comment(one)}" for one in same)
        if same[0].name:
            yield f"  {line_for(same[0].name)}"
        elif fallback:
            yield '  # The delivery names no service, but the line "*" needs its name for {service}.'
            yield '  # Write OWNER/NAME in the line "*", or have the vendor send the service.'
        else:
            yield "  # The delivery names no service. Have the vendor send it; the vendor's page says how."
            yield '  # A line "*" would take it, and with it every service that has no line of its own.'


def line_for(name: str, repo: str = PLACEHOLDER) -> str:
    """Write the line of a service for gitdailies.yml."""
    return f"{quoted(name)}: {{repo: {repo}}}"


def _comment(service: UnmappedService) -> str:
    text = f"{service.source}, {_count(service.deliveries, 'delivery', 'deliveries')}"
    text += f" about {_count(len(service.incidents), 'incident', 'incidents')}"
    text += f", last {text_of(from_us(service.last_at))}"
    return text + (f"; also known as {', '.join(map(quoted, service.aliases))}" if service.aliases else "")


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
                if routes.route(change._replace(services=services)).unmapped:
                    yield change, service or Service("")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
