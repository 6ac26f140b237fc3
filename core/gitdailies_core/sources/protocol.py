"""The adapter protocol, and the messages that an adapter returns: changes of incidents, or ignored ones.

An adapter knows one vendor. It does no I/O, reads no clock and keeps no state: bytes come in,
values go out. It does not choose the repository, apply filters or pair starts with ends. The
package `incidents` does that with the messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Union

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.reasons import IGNORED, OTHER, Code
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

STARTED = "started"
RESOLVED = "resolved"
UPDATED = "updated"
STATES = (STARTED, RESOLVED, UPDATED)

_LONGEST_ID = 255
_ADDRESS = re.compile(r"https?://[^\x00-\x20\x7f]{1,1900}$(?!\n)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_NO_TAGS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Service(NamedTuple):
    """A vendor's service: the name to show, and other names that a route may use for it."""

    name: str
    aliases: tuple[str, ...] = ()


class Change(NamedTuple):
    """What one message of a delivery says about one incident. Build it with `make`.

    state       started, resolved, or updated (the incident goes on, nothing to count)
    word        the vendor's word for it, such as `incident.triggered`
    incident    the incident's id at the vendor; unique within the source
    at          when it happened, as the vendor reports it
    occurrence  a name for this occurrence: its start time as text, or the vendor's own key for
                it; None if the payload has neither
    first_occurrence
                a fixed name for the incident's first occurrence, for payloads without a start
                time; only for vendors that never reuse an incident id. Live deliveries and
                fetched history then agree, although their start times may differ by a second
    started_at  the start time that an end or an update contains, or None
    key         names this message, the same at each redelivery; "" if the vendor has no such id
    services    the services that it names, for routing
    whole       the end applies to the whole incident, not only to one of its services
    merged      the incident ended because it was merged, into `merged_into` if that is known
    """

    state: str
    word: str
    incident: str
    at: datetime
    occurrence: str | None
    first_occurrence: str | None
    started_at: datetime | None
    key: str
    services: tuple[Service, ...]
    whole: bool
    merged: bool
    merged_into: str | None
    environment: str | None
    title: str | None
    severity: str | None
    url: str | None
    urgency: str | None
    priority: str | None
    tags: Mapping[str, tuple[str, ...]]

    @classmethod
    def make(
        cls,
        *,
        state: str,
        word: str,
        incident: str,
        at: datetime,
        occurrence: str | None = None,
        first_occurrence: str | None = None,
        started_at: datetime | None = None,
        key: str = "",
        services: Sequence[Service] = (),
        whole: bool = True,
        merged: bool = False,
        merged_into: str | None = None,
        environment: str | None = None,
        title: str | None = None,
        severity: str | None = None,
        url: str | None = None,
        urgency: str | None = None,
        priority: str | None = None,
        tags: Mapping[str, Sequence[str]] | None = None,
    ) -> Change:
        """Build a change. Raises PayloadError for an id that an event cannot hold.

        Text to show (title, severity, names) is put on one line and cut to the length that an
        event allows. A service without a name is left out, and so is an address that is not
        http or https. Raises ValueError for a mistake of the adapter: a wrong state, a naive time.
        """
        if state not in STATES:
            raise ValueError(f"state: expected one of {', '.join(STATES)}, got {got(state)}")
        for name, value in (
            ("incident id", incident),
            ("merge target", merged_into),
            ("occurrence", occurrence),
            ("first occurrence", first_occurrence),
            ("key", key or None),
        ):
            if value is not None and not _is_id(value):
                raise PayloadError(
                    f"{name}: expected 1 to {_LONGEST_ID} printable characters, got {got(value)}"
                )
        if at.tzinfo is None or (started_at is not None and started_at.tzinfo is None):
            raise ValueError("at: expected an aware time, got a naive one")
        if url is not None and not _ADDRESS.match(url):
            url = None
        return cls(
            state=state,
            word=_one_line(word, 255) or "",
            incident=incident,
            at=at,
            occurrence=occurrence,
            first_occurrence=first_occurrence,
            started_at=started_at,
            key=key,
            services=tuple(_named_services(services)),
            whole=whole,
            merged=merged,
            merged_into=merged_into,
            environment=_one_line(environment, 255),
            title=_one_line(title, 1000),
            severity=_one_line(severity, 255),
            url=url,
            urgency=_one_line(urgency, 255),
            priority=_one_line(priority, 255),
            tags=MappingProxyType({name: tuple(tags[name]) for name in tags}) if tags else _NO_TAGS,
        )


@dataclass(frozen=True)
class Ignored:
    """A message that counts nothing, and the reason. `incident` is set if the message names one.

    Every field but the code is text to show: it is put on one line and cut.
    `code` is one of `reasons.IGNORED`, because it becomes the label of a metric.
    """

    reason: str
    word: str = ""
    incident: str = ""
    key: str = ""
    code: Code = OTHER

    def __post_init__(self) -> None:
        if self.code not in IGNORED:
            raise ValueError(f"code: expected one of {', '.join(IGNORED)}, got {got(self.code)}")
        for name, longest in (("reason", 1000), ("word", 255), ("incident", 255), ("key", 255)):
            object.__setattr__(self, name, _one_line(getattr(self, name), longest) or "")


Message = Union[Change, Ignored]


@dataclass(frozen=True)
class Option:
    """A setting of an adapter: its allowed values and a description. The first value is the default."""

    values: tuple[Any, ...]
    about: str


class Adapter(Protocol):
    """One vendor. The registry finds it by entry point in the group `gitdailies.adapters`.

    `table` maps each word of the vendor to started, resolved, updated or the reason why it is
    ignored. Documentation is generated from it. `examples` names the package that has
    `payload.schema.json` and a folder `examples` with pairs of NAME.payload.json and
    NAME.expected.json.
    """

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> Mapping[str, str]: ...

    @property
    def options(self) -> Mapping[str, Option]: ...

    @property
    def examples(self) -> str: ...

    def verify(self, request: Request, secrets: Sequence[Secret], header: str = "") -> None:
        """Raise ProofError unless the delivery proves that it comes from the vendor.

        *header* names the header with a shared token, if the source is configured with one.
        """

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages of the delivery, at least one.

        Raises UnreadableBody if the body is not JSON (or not a form), and PayloadError if a
        field is missing or wrong.
        """


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and (text.isprintable() or not _CONTROL.search(text))


def _named_services(services: Sequence[Service]) -> Iterator[Service]:
    for service in services:
        name = _one_line(service.name, 255)
        if name:
            yield Service(name, tuple(alias for alias in service.aliases if alias.strip()))


def _one_line(text: str | None, longest: int) -> str | None:
    if text is None:
        return None
    if not text.isprintable():  # rare, so the substitution seldom runs
        text = _CONTROL.sub(" ", text)
    return text.strip()[:longest] or None
