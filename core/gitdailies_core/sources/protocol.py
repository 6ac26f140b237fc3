"""The adapter protocol, and the messages that an adapter returns about incidents, or with a reason.

An adapter knows one vendor. It does no I/O, reads no clock and keeps no state: bytes come in,
values go out. It does not choose the repository, apply filters or pair starts with ends. The
package `incidents` does that with the messages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.events.field_types import NAME, REPO
from gitdailies_core.reasons import CODES, OTHER, QUARANTINED, RENAMED, UNEXPECTED_PAYLOAD, Code
from gitdailies_core.sources.deploy_messages import DEPLOYED, PUSHED, Deploy, Push
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.shown_text import address, is_id, one_line
from gitdailies_core.sources.shown_text import name as name_of
from gitdailies_core.values.secret import Secret

STARTED = "started"
RESOLVED = "resolved"
UPDATED = "updated"
STATES = (STARTED, RESOLVED, UPDATED)
REOPENED = "reopened"
CANCELLED = "cancelled"
DELETED = "deleted"
# Words of a table for which a change has one of STATES.
WITHOUT_RECOVERY = (CANCELLED, DELETED)
OTHER_STATES = (REOPENED, *WITHOUT_RECOVERY)
# What an adapter's table may map a word to; anything else is the reason why it is ignored.
MEANINGS = (*STATES, *OTHER_STATES, DEPLOYED, PUSHED)

# What a line of `route` may do for a deploy of an adapter, whose `route_uses` has these words: it counts only
# with a line, it may count elsewhere by one, or a line may only give its service.
ROUTE_REQUIRED, ROUTE_OPTIONAL, ROUTE_FOR_SERVICE = "required", "optional", "service"

Element = TypeVar("Element")
# The fields of a change that an event holds as they are.
_IDS = ("incident id", "merge target", "occurrence", "first occurrence", "key")


class Service(NamedTuple):
    """A vendor's service: the name to show, and other names that a route may use for it."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one message of a delivery says about one incident.

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
    whole       the change is about the whole incident, not only about one of its services
    ends_all    an end of one service ends the incident at every other one, too; for vendors that
                tell of each service apart, but have one status for the incident
    again_at    of a start, for vendors whose payload names the first start alone: when the incident
                may have started again. A new occurrence begins then, should the one before be over
    at_receipt  `at` is the time of receipt, because the delivery has no time
    merged      the incident ended because it was merged, into `merged_into` if that is known
    needs_start an end that counts nothing unless its start did: where the start may never have counted
    resolution  how it ended, where that is no recovery: cancelled or deleted

    A state of `reopened` is a start at *at* of an occurrence of its own, whatever the payload says
    about the first one. `cancelled` and `deleted` are ends that are no recovery: the state is
    resolved, and the word is the resolution.

    Text to show (title, severity, names) is put on one line and cut to the length that an
    event allows. Hidden characters are taken out of names. A service without a name is left
    out, and so is an address that is not http or https. Raises PayloadError for an id that an event
    cannot hold, and ValueError for a mistake of the adapter: a wrong state, a naive time.
    """

    state: str
    word: str
    incident: str
    at: datetime
    occurrence: str | None = None
    first_occurrence: str | None = None
    started_at: datetime | None = None
    key: str = ""
    services: Sequence[Service] = ()
    whole: bool = True
    ends_all: bool = False
    again_at: datetime | None = None
    at_receipt: bool = False
    merged: bool = False
    merged_into: str | None = None
    environment: str | None = None
    title: str | None = None
    severity: str | None = None
    url: str | None = None
    urgency: str | None = None
    priority: str | None = None
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    resolution: str | None = None
    needs_start: bool = False

    def __post_init__(self) -> None:
        state, again_at, resolution = self.state, self.again_at, self.resolution
        if state == REOPENED:
            state, again_at = STARTED, self.at
        elif state in WITHOUT_RECOVERY:
            state, resolution = RESOLVED, state
        if state not in STATES:
            raise ValueError(
                f"state: expected one of {', '.join((*STATES, *OTHER_STATES))}, got {got(state)}"
            )
        ids = (self.incident, self.merged_into, self.occurrence, self.first_occurrence, self.key or None)
        for name, value in zip(_IDS, ids, strict=False):
            if value is not None and not is_id(value):
                raise PayloadError(
                    f"{name}: expected 1 to {NAME.longest} printable characters, got {got(value)}"
                )
        for time in (self.at, self.started_at, again_at):
            if time is not None and time.tzinfo is None:
                raise ValueError("at: expected an aware time, got a naive one")
        cleaned = {
            "state": state,
            "word": one_line(self.word, 255) or "",
            "services": _named_services(self.services),
            "again_at": again_at,
            "environment": name_of(self.environment),
            "title": one_line(self.title, 1000),
            "severity": one_line(self.severity, 255),
            "url": address(self.url),
            "urgency": one_line(self.urgency, 255),
            "priority": one_line(self.priority, 255),
            "tags": MappingProxyType({name: tuple(texts) for name, texts in (self.tags or {}).items()}),
            "resolution": one_line(resolution, 255),
        }
        for field_name, clean in cleaned.items():
            object.__setattr__(self, field_name, clean)

    @property
    def is_reopened(self) -> bool:
        """Whether it starts an occurrence of its own, and the first start is not its own."""
        return self.state == STARTED and self.again_at is not None and self.again_at == self.at


@dataclass(frozen=True)
class Ignored:
    """A message that counts nothing, and the reason. `incident` is set if the message names one.

    Every field but the code is text to show: it is put on one line and cut.
    `code` is one of `reasons.CODES`, because it becomes the label of a metric. The body of a
    message is quarantined where it may count after an upgrade: use `UNKNOWN_TYPE` for a word about
    an incident that the table does not have, and `Unreadable` for a message that cannot be read.
    What is known to count nothing has the code `OTHER`.
    """

    reason: str
    word: str = ""
    incident: str = ""
    key: str = ""
    code: Code = OTHER

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"code: expected one of {', '.join(CODES)}, got {got(self.code)}")
        for name, longest in (("reason", 1000), ("word", 255), ("incident", 255), ("key", 255)):
            object.__setattr__(self, name, one_line(getattr(self, name), longest) or "")


@dataclass(frozen=True)
class Unreadable(Ignored):
    """One message that cannot be read, and the reason. The others of its delivery count.

    The body of the delivery is quarantined. After it was mended, a replay counts the rest once.
    """

    code: Code = UNEXPECTED_PAYLOAD


@dataclass(frozen=True)
class Renamed(Ignored):
    """A repository, which was called *former*, is called *repo* now.

    The body of the delivery is quarantined until `repositories` of gitdailies.yml says so.
    """

    code: Code = RENAMED
    former: str = ""
    repo: str = ""

    @classmethod
    def make(cls, *, word: str, former: str, repo: str, key: str = "") -> "Renamed":
        """Build it. Raises PayloadError for a name that no repository has."""
        for where, value in (("former", former), ("repo", repo)):
            if not REPO.accepts(value):
                raise PayloadError(f"{where}: expected {REPO.expected}, got {got(value)}")
        line = f"repositories: {{{repo}: {{was: [{former}]}}}}"
        text = f"{former} is called {repo} now; add this to gitdailies.yml, here and at the DORA server"
        return cls(f"{text}: {line}", word, key=key, former=former, repo=repo)

    def __post_init__(self) -> None:
        if self.code not in QUARANTINED:
            raise ValueError(f"code: expected one of {', '.join(sorted(QUARANTINED))}, got {got(self.code)}")
        super().__post_init__()


# What an adapter says that knows incidents alone.
IncidentMessage = Change | Ignored
Message = Change | Deploy | Push | Ignored


def translate_each(
    elements: Iterable[Element], read: Callable[[Element], Iterable[Message]]
) -> tuple[Message, ...]:
    """Return the messages of *elements*, as *read* reads each; one that it cannot read is Unreadable.

    So one broken element of a group does not hold back the others.
    """
    messages: list[Message] = []
    for element in elements:
        try:
            messages += read(element)
        except PayloadError as error:
            messages.append(Unreadable(str(error)))
    return tuple(messages)


@dataclass(frozen=True)
class Option:
    """A setting of an adapter: its allowed values and a description. The first value is the default."""

    values: tuple[Any, ...]
    about: str


@dataclass(frozen=True)
class ProofSettings:
    """What a source says about its proof, besides the secrets.

    header   the header with a shared token, or "" for the vendor's own proof
    allowed  names that a vendor's proof must be of, such as topics; none allows all
    user     the user of basic authentication, or "" for any
    """

    header: str = ""
    allowed: tuple[str, ...] = ()
    user: str = ""


class Handshake(NamedTuple):
    """What a vendor asks for before it sends anything: that `address` is opened once.

    `topic` names what sends from then on, as it is listed under `allowed`.
    """

    address: str
    topic: str


class Adapter(Protocol):
    """One vendor. The registry finds it by entry point in the group `gitdailies.adapters`.

    `table` maps each word of the vendor to one of MEANINGS or to the reason why it is ignored.
    Documentation is generated from it. `examples` names the package with a folder
    `examples`, which has pairs of NAME.payload.json and NAME.expected.json.
    """

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> Mapping[str, str]: ...

    @property
    def options(self) -> Mapping[str, Option]: ...

    @property
    def examples(self) -> str: ...

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Raise ProofError unless the delivery proves that it comes from the vendor.

        `settings.header` names the header with a shared token, if the source is configured with one.
        The age of a signature is measured at `request.received_at`.
        """

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages of the delivery, at least one.

        Raises UnreadableBody if the body is not JSON (or not a form), and PayloadError if a
        field is missing or wrong.
        """


@runtime_checkable
class Certified(Protocol):
    """What an adapter also has if the certificate of a vendor may prove its deliveries, and no secret."""

    def needs_no_secret(self, settings: ProofSettings) -> bool:
        """Whether a source with these settings works without a secret."""

    def is_certified(self, request: Request, settings: ProofSettings) -> bool:
        """Whether a certificate, and no secret, decides about this delivery."""

    def with_certificates(self, certificates: Mapping[str, bytes]) -> Adapter:
        """Return the same adapter, which proves with *certificates* (PEM) by address, read at each proof.

        Its `verify` raises CertificateMissing for an address without one.
        """

    def handshake(self, request: Request, settings: ProofSettings) -> Handshake | None:
        """Return what a delivery asks for, None if it asks for nothing.

        Raises ProofError for an address that is not the vendor's, and for a topic that is not allowed.
        """


class Proven(NamedTuple):
    """What proves a request: headers, and parameters of its query. Both may hold a secret."""

    headers: Mapping[str, str]
    query: Mapping[str, str]


@runtime_checkable
class Signs(Protocol):
    """What an adapter also has if it can prove a delivery as its vendor does, for an example."""

    def sign(self, body: bytes, secret: Secret, settings: ProofSettings, at: datetime) -> Proven:
        """Return what proves *body* *at* a time; raises ConfigurationError where only the vendor can."""


@runtime_checkable
class ChecksSecrets(Protocol):
    """What an adapter also has if its proof can use only secrets of some form, such as base64."""

    def refuse_unfit(self, secret: Secret, settings: ProofSettings) -> None:
        """Raise ConfigurationError for a secret that no proof can use."""


@runtime_checkable
class KnowsValues(Protocol):
    """What an adapter also has if `only` of a source can be checked: every value that its vendor has."""

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        """The values of a property of incidents, such as `urgency`; others are not known."""


@cache
def is_certified(kind: type) -> bool:
    """Whether the adapters of a class are Certified ones."""
    # To compare an object with a protocol takes longer than to translate a delivery.
    return issubclass(kind, Certified)


def _named_services(services: Sequence[Service]) -> tuple[Service, ...]:
    named = []
    for name, aliases in services:
        shown = name_of(name)
        if shown:
            named.append(Service(shown, tuple([one for one in aliases if one.strip()])))
    return tuple(named)
