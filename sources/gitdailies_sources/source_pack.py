"""A compiled pack: an adapter like those in code, from values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core import Ignored, Message, Option, Request, Secret
from gitdailies_core.reasons import UNKNOWN_TYPE
from gitdailies_core.sources.protocol import Handshake, ProofSettings, Proven

from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults, Place
from gitdailies_sources.language.nearest import nearest
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.values import Held, Value
from gitdailies_sources.messages.entries import STATES, Entry
from gitdailies_sources.proofs.choice import Choice

INCIDENT, ALERT, DEPLOY = "incident", "alert", "deploy"
MEBIBYTE = 1024 * 1024
UNDESCRIBED = "no message of this pack describes this delivery"
_NO_OPTIONS: Mapping[str, Option] = MappingProxyType({})
_NO_CERTIFICATES: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class SourcePack:
    """The adapter of one pack, or of one `mapping`.

    `kind` is incident, alert or deploy. `certificates` are those that a proof by certificate needs, by
    address; the relay fetches them.
    """

    name: str
    title: str
    kind: str
    examples: str
    table: Mapping[str, str] = field(repr=False)
    proof: Choice = field(repr=False)
    key: Value | None = field(repr=False)
    held: tuple[Held, ...] = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)
    otherwise: str = ""
    # How large a delivery may be.
    body_bytes: int = MEBIBYTE
    options: Mapping[str, Option] = field(default_factory=lambda: _NO_OPTIONS, repr=False)
    certificates: Mapping[str, bytes] = field(default_factory=lambda: _NO_CERTIFICATES, repr=False)

    # For the contract checks: when the examples were received, and that it is a pack.
    examples_received_at = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
    is_pack = True

    @property
    def lists(self) -> tuple[str, ...]:
        """The fields with lists of messages."""
        return tuple(dict.fromkeys(entry.each for entry in self.entries if entry.each))

    @property
    def route_uses(self) -> frozenset[str]:
        """What a line of `route` may do for its deploys, in the protocol's words; "" for those without."""
        return frozenset(entry.route_use for entry in self.entries if entry.route_use is not None)

    @property
    def needs_header(self) -> bool:
        """Whether a source must name the header of its token."""
        return self.proof.needs_header

    @classmethod
    def compiled(
        cls,
        name: str,
        given: Mapping[str, Any],
        places: Mapping[str, Place],
        faults: Faults,
        *,
        examples: str,
    ) -> SourcePack:
        """Compile a document that its schema accepts. Faults are added to *faults*.

        *places* has the place of an entry of `messages` that is not under `messages`, by its name.
        """
        hint = str(given.get("no_commit_hint", ""))
        entries = tuple(
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
        return cls(
            name=name,
            title=str(given.get("title", name)),
            kind=str(given.get("class", INCIDENT)),
            examples=examples,
            table=_table(entries),
            proof=Choice(given["proof"], ("proof",), faults),
            key=values.compiled(given["key"], ("key",), faults) if "key" in given else None,
            held=values.held_back(given, (), faults),
            entries=entries,
            otherwise=str(given.get("otherwise", "")),
            body_bytes=int(given.get("body_mebibytes", 1)) * MEBIBYTE,
        )

    def with_certificates(self, certificates: Mapping[str, bytes]) -> SourcePack:
        """Return the same pack, which proves with *certificates* by address."""
        return replace(self, certificates=certificates)

    def needs_no_secret(self, settings: ProofSettings) -> bool:
        """Whether a source with these settings works without a secret."""
        return self.proof.needs_no_secret(settings)

    def is_certified(self, request: Request, settings: ProofSettings) -> bool:
        """Whether a certificate, and no secret, decides about this delivery."""
        return self.proof.is_certified(request, settings)

    def handshake(self, request: Request, settings: ProofSettings) -> Handshake | None:
        """Return what a delivery asks for before the vendor sends; raises ProofError for a wrong one."""
        return self.proof.handshake(request, settings.allowed)

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Raise ProofError unless the delivery is proved as the pack says."""
        self.proof.check(request, secrets, settings, self.certificates)

    def sign(self, body: bytes, secret: Secret, settings: ProofSettings, at: datetime) -> Proven:
        """Return what proves *body*, for an example. Raises ConfigurationError where only the tool can."""
        return self.proof.sign(body, secret, user=settings.user, at=at)

    def translate(
        self,
        request: Request,
        options: Mapping[str, Any],  # noqa: ARG002  there are none
    ) -> tuple[Message, ...]:
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

    def misspelled(self, request: Request) -> list[str]:
        """Return a line for each path that is not in a delivery, and is nearly one that is.

        A misspelled path to what a delivery may lack is no error: it is absent, without a word.
        """
        scope = Scope.of(request)
        found: list[str] = []
        for entry in self.entries:
            if entry.reads(scope):
                found += entry.misspelled(scope)
                if not entry.goes_on:
                    break
        meant = nearest(self.key.where, scope) if self.key is not None else ""
        if self.key is not None and meant:
            found.append(f"key: {self.key.where}: found nothing; did you mean {meant}")
        return found


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
