"""What an adapter is, and what it says: changes of incidents, or the reason why there are none.

An adapter knows one vendor. It does no I/O, reads no clock and keeps no state: bytes come in,
values go out. Which repository is meant, whether the change is wanted, and which period of the
incident it opens or closes, is decided after it (`routing`, `periods`).
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
    """A vendor's service: the name to show, and whatever else a route may call it by."""

    name: str
    aliases: tuple[str, ...] = ()


class Change(NamedTuple):
    """What one message of a delivery says about one incident; build it with `make`.

    state        started, resolved, or updated: still going on, nothing to count by itself
    word         the vendor's word for it, such as `incident.triggered`
    incident     the vendor's own id, where that is unique
    at           when that happened, as the vendor says
    period       names the period by the start that the payload tells, or by a vendor's key for
                 it; None where the payload names none
    first_period names the incident's first period where the payload names none, and no other
                 incident will ever have its id: two ways of telling a start may differ by a
                 second; None where only the time can name it
    started_at   the start that an end or an update tells, or None
    key          names this message, the same at each redelivery; "" where the vendor has no name
    services     the services it names, for routing
    whole        an end speaks for the whole incident, not for one of its services alone
    merged       an end by merging, into `merged_into` where the payload names that
    """

    state: str
    word: str
    incident: str
    at: datetime
    period: str | None
    first_period: str | None
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
        period: str | None = None,
        first_period: str | None = None,
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
        """Build a change; raises PayloadError where an id could not be written again.

        Text to show (title, severity, names) is put on one line and cut to what an event may
        hold, a service without a name and an address that is not http or https are left out.
        """
        if state not in STATES:
            raise ValueError(f"state: expected one of {', '.join(STATES)}, got {got(state)}")
        for name, value in (
            ("incident id", incident),
            ("merge target", merged_into),
            ("period", period),
            ("first period", first_period),
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
            word=_line(word, 255) or "",
            incident=incident,
            at=at,
            period=period,
            first_period=first_period,
            started_at=started_at,
            key=key,
            services=tuple(_showable(services)),
            whole=whole,
            merged=merged,
            merged_into=merged_into,
            environment=_line(environment, 255),
            title=_line(title, 1000),
            severity=_line(severity, 255),
            url=url,
            urgency=_line(urgency, 255),
            priority=_line(priority, 255),
            tags=MappingProxyType({name: tuple(tags[name]) for name in tags}) if tags else _NO_TAGS,
        )


@dataclass(frozen=True)
class Ignored:
    """A message that says nothing to count, and why; `incident` where it names one.

    All of it but the code is text to show. It is put on one line and cut, whatever the vendor sent.
    `code` is one of `reasons.IGNORED`, since it becomes the label of a metric.
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
            object.__setattr__(self, name, _line(getattr(self, name), longest) or "")


Message = Union[Change, Ignored]


@dataclass(frozen=True)
class Option:
    """A setting of an adapter: its allowed values, the first of them the default."""

    values: tuple[Any, ...]
    about: str


class Adapter(Protocol):
    """One vendor. Found by entry point in the group `gitdailies.adapters`.

    `table` maps every word of the vendor to started, resolved, updated or the reason why it is
    ignored; documentation is generated from it. `examples` names the package whose `examples`
    folder holds pairs of NAME.payload.json and NAME.expected.json.
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
        """Raise ProofError unless the delivery is proven to come from the vendor.

        *header* is the header that carries a shared token, where the source is set up with one.
        """

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return what the delivery says, at least one message.

        Raises UnreadableBody where the body is not the format, PayloadError where it is but
        the table cannot read it.
        """


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and (text.isprintable() or not _CONTROL.search(text))


def _showable(services: Sequence[Service]) -> Iterator[Service]:
    for service in services:
        name = _line(service.name, 255)
        if name:
            yield Service(name, tuple(alias for alias in service.aliases if alias.strip()))


def _line(text: str | None, longest: int) -> str | None:
    if text is None:
        return None
    if not text.isprintable():  # as nearly all text is
        text = _CONTROL.sub(" ", text)
    return text.strip()[:longest] or None
