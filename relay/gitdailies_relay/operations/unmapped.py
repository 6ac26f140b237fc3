"""Services without a line: what kept deliveries name that no route knows, and the YAML to paste.

Kept bodies are translated anew with the routes that hold now, so that a line that was added is
not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change, Service
from gitdailies_core.sources.request import Request
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.accepting.interpret import UNMAPPED
from gitdailies_relay.intake.app import decode

_KEPT = (
    "SELECT source, received_at, content_type, body FROM kept"
    " WHERE why = ? AND replayed_at IS NULL ORDER BY seq"
)
# What stands where the repository is to be put: refused by the configuration, so that it is not forgotten.
PLACEHOLDER = "REPOSITORY"


@dataclass
class Unmapped:
    """A service that no line names; `name` is "" for deliveries that name no service."""

    source: str
    name: str
    aliases: tuple[str, ...]
    deliveries: int = 0
    last_at: int = 0
    incidents: set[str] = field(default_factory=set)

    def told(self) -> dict[str, Any]:
        """Say it as JSON."""
        return {
            "source": self.source,
            "service": self.name or None,
            "aliases": list(self.aliases),
            "deliveries": self.deliveries,
            "incidents": len(self.incidents),
            "lastReceivedAt": text_of(from_us(self.last_at)),
        }


def services(connection: Session, sources: Mapping[str, Source], routes: Routes) -> Sequence[Unmapped]:
    """Return services of kept deliveries that have no line, those of most deliveries first."""
    found: dict[tuple[str, str], Unmapped] = {}
    for name, received_at, content_type, body in connection.execute(_KEPT, (UNMAPPED,)):
        source = sources.get(name)
        if source is None:
            continue
        named: set[tuple[str, str]] = set()
        for change, service in _without_line(source, routes, content_type, body):
            key = (name, service.name.casefold())
            one = found.setdefault(key, Unmapped(name, service.name, service.aliases))
            one.incidents.add(change.incident)
            one.deliveries += key not in named
            one.last_at = max(one.last_at, received_at)
            named.add(key)
    return sorted(found.values(), key=lambda one: (-one.deliveries, one.source, one.name))


def lines(found: Sequence[Unmapped], *, fallback: bool = False) -> Iterator[str]:
    """Write them as lines to paste under `services` in gitdailies.yml, each name once.

    *fallback*: a line for all others stands there, so that another would be refused.
    """
    if not found:
        yield "# every service that was named has a line"
        return
    yield f"# Paste under services in gitdailies.yml, with OWNER/NAME in place of {PLACEHOLDER};"
    yield "# send SIGHUP to the relay, then: gitdailies relay replay --unmapped"
    named: dict[str, list[Unmapped]] = {}
    for one in found:
        named.setdefault(one.name.casefold(), []).append(one)
    for same in sorted(named.values(), key=lambda same: not same[0].name):
        yield from (f"  # {_said(one)}" for one in same)
        if same[0].name:
            yield f"  {_quoted(same[0].name)}: {{repo: {PLACEHOLDER}}}"
        elif fallback:
            yield '  # No service is named, which the repository of the "*" line needs for {service}.'
            yield "  # Put OWNER/NAME there, for all that no other line takes, or have it named."
        else:
            yield "  # No service is named, so only a line for all others takes them:"
            yield f'  "*": {{repo: {PLACEHOLDER}}}'


def _said(one: Unmapped) -> str:
    said = f"{one.source}, {_count(one.deliveries, 'delivery', 'deliveries')}"
    said += f" about {_count(len(one.incidents), 'incident', 'incidents')}"
    said += f", last {text_of(from_us(one.last_at))}"
    return said + (f"; also known as {', '.join(map(_quoted, one.aliases))}" if one.aliases else "")


def _without_line(
    source: Source, routes: Routes, content_type: str, body: bytes
) -> Iterator[tuple[Change, Service]]:
    """Yield each change with a service that no line takes."""
    request = Request.make(headers={"content-type": content_type}, body=body, decode=decode)
    try:
        messages = registry.adapter(source.adapter).translate(request, source.options)
    except GitDailiesError:
        # It could be read when it was kept; `relay replay` says what is the matter now.
        return
    for change in messages:
        if isinstance(change, Change):
            for service in change.services or (None,):
                services = (service,) if service else ()
                if not routes.route(change._replace(services=services)).targets:
                    yield change, service or Service("")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join(c if c.isprintable() else rf"\U{ord(c):08x}" for c in escaped) + '"'
