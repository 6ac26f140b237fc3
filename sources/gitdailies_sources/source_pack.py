"""A compiled pack: an adapter like those in code, from values."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from gitdailies_core import Ignored, Message, Option, Request
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.reasons import UNKNOWN_TYPE

from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults, Place, below
from gitdailies_sources.language.nearest import unfound, unmet
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.messages.entries import STATES, Entry
from gitdailies_sources.past import Fetch, PackReader
from gitdailies_sources.proofs.proving import Proving

INCIDENT, ALERT, DEPLOY = "incident", "alert", "deploy"
MEBIBYTE = 1024 * 1024
UNDESCRIBED = "no message of this pack describes this delivery"
# The keys of a document that decide what is accepted, and what it means. The others are about the tool.
_DECIDING = ("class", "proof", "key", "skip_if", "only_if", "messages", "otherwise", "body_mebibytes")


class SourcePack(Proving):
    """The adapter of one pack, or of one `mapping`, compiled from a document that its schema accepts.

    `kind` is incident, alert or deploy. `identity` is stored with each delivery that it reads.
    `body_bytes` is how large a delivery may be.
    """

    options: Mapping[str, Option] = MappingProxyType({})
    # For the contract checks: when the examples were received, and that it is a pack.
    examples_received_at = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
    is_pack = True

    def __init__(
        self,
        name: str,
        given: Mapping[str, Any],
        places: Mapping[str, Place],
        faults: Faults,
        *,
        examples: str,
    ) -> None:
        """Compile. Faults are added to *faults*.

        *places* has the place of an entry of `messages` that is not under `messages`, by its name.
        """
        hint = str(given.get("no_commit_hint", ""))
        self.name, self.examples = name, examples
        self.entries = tuple(
            Entry(
                entry,
                fields,
                places.get(entry, ("messages", entry)),
                faults,
                platform=name,
                hint=str(fields.get("no_commit_hint", hint)),
            )
            for entry, fields in given["messages"].items()
        )
        super().__init__(given["proof"], ("proof",), faults)
        self.title = str(given.get("title", name))
        self.kind = str(given.get("class", INCIDENT))
        self.identity = identity(name, given)
        self.table = _table(self.entries)
        self.key = values.compiled(given["key"], ("key",), faults) if "key" in given else None
        self.held = values.held_back(given, (), faults)
        own = set(given).intersection(("key", "skip_if", "only_if"))
        self._paths = {place: path for place, path in faults.paths.items() if place[0] in own}
        self._only = below(faults.wanted, ("only_if",))
        self.otherwise = str(given.get("otherwise", ""))
        self.fetch = Fetch(given["fetch"], ("fetch",), faults) if "fetch" in given else None
        self.body_bytes = int(given.get("body_mebibytes", 1)) * MEBIBYTE

    @property
    def lists(self) -> tuple[str, ...]:
        """The fields with lists of messages."""
        return tuple(dict.fromkeys(entry.each for entry in self.entries if entry.each))

    @property
    def route_uses(self) -> frozenset[str]:
        """What a line of `route` may do for its deploys, in the protocol's words; "" for those without."""
        return frozenset(entry.route_use for entry in self.entries if entry.route_use is not None)

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:  # noqa: ARG002  there are none
        """Translate with the first entry that reads the delivery, and on after one with `also: true`."""
        scope = Scope.of(request)
        key = (self.key.text(scope) if self.key is not None else None) or ""
        for held in self.held:
            if held.holds(scope):
                return (Ignored(held.reason, key=key),)
        messages: list[Message] = []
        for entry in self.entries:
            if entry.reads(scope):
                messages += entry.messages(scope, key)
                if not entry.goes_on:
                    break
        if messages:
            return tuple(messages)
        if self.otherwise:
            return (Ignored(self.otherwise, key=key),)
        return (Ignored(UNDESCRIBED, key=key, code=UNKNOWN_TYPE),)

    @property
    def history(self) -> PackReader | None:
        """The reader of the tool's past; None if the pack does not say how to fetch it."""
        return self.fetch.reader(name=self.name, translate=self.translate) if self.fetch else None

    def unfound(self, requests: Sequence[Request]) -> dict[Place, str]:
        """Return by place each path that none of some deliveries has, and each table that lacks a word.

        A wrong path to an optional value is no error: the value is missing without a message.
        """
        scopes = []
        for request in requests:
            try:
                scopes.append(Scope.of(request))
            except UnreadableBody:
                continue
        left = [scope for scope in scopes if not any(held.holds(scope) for held in self.held)]
        found = unfound(self._paths, scopes, is_held=not left)
        found |= {} if left else unmet(self._only, scopes)
        unread: list[Entry] = []
        for entry in self.entries:
            read = [scope for scope in left if entry.reads(scope)]
            found |= entry.unfound(read)
            unread += [] if read else [entry]
            left = left if entry.goes_on else [scope for scope in left if scope not in read]
        for entry in unread:
            found |= unfound(entry.condition, left, is_held=True)
            found |= unmet(entry.wanted, left, is_held=len(unread) == len(self.entries))
        return found


def identity(name: str, given: Mapping[str, Any]) -> str:
    """Return name, version and hash of a document, as in `opsgenie 1 (8d3f1c2a)`.

    The hash changes with what the document decides, so an override has another one. A mapping has no version.
    """
    deciding = {key: given[key] for key in _DECIDING if key in given}
    digest = sha256(json.dumps(deciding, default=str).encode()).hexdigest()[:8]
    return f"{name} {given.get('version', 'mapping')} ({digest})"


def _table(entries: Sequence[Entry]) -> Mapping[str, str]:
    """Return the words of all entries; of one word with two meanings, that which counts."""
    table: dict[str, str] = {}
    for entry in entries:
        for word, meaning in entry.states.items():
            if word not in table or meaning in STATES:
                table[word] = meaning
        if not entry.states:
            table.setdefault(entry.constant, entry.constant)
    return MappingProxyType(table)
