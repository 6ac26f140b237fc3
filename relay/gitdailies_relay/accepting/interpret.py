"""What a delivery means, before anything is stored: proof, translation and routing. A pure decision."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, cast

import orjson
from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.deploys.pushes import with_services
from gitdailies_core.deploys.routing import unwanted
from gitdailies_core.errors import PayloadError, ProofError, UnreadableBody
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.records import Decision
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import INVALID_JSON, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources import protocol, stored_body
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.images import of_application
from gitdailies_core.sources.request import Request
from gitdailies_core.values import strict_json
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.erased_text import SHORTEST, ErasedText
from gitdailies_core.values.secret import Secret

from gitdailies_relay.accepting.field_drift import deciding

# The proof of a replay. The real one was checked when the body came, and secrets may have changed since.
REPLAY = "replay"
# The proof of what a person did at the command.
BY_HAND = "by hand"
# The proof of a delivery that no secret of ours proves.
BY_CERTIFICATE = "a certificate of the vendor"

# What `capture: true` says of every delivery.
_CAPTURED = Reason(UNEXPECTED_PAYLOAD, "captured: the source has capture: true")

# Headers that prove a delivery, or may hold another secret. They are never stored.
_SECRET_HEADER = re.compile(r"auth|token|secret|signature|password|cookie|credential|api-?key|webhook-key")

# Reads JSON as core does, several times faster.
decode = strict_json.guarded(orjson.loads)


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class RoutedMessage(NamedTuple):
    """One message. A change has the targets where it counts, or the reason why it does not count.

    A deploy has the place where it counts, or that reason.
    `unmapped` names the services without a route, also where other services of the message have one.
    `lines` says which lines of services gave the targets.
    """

    message: protocol.Message
    key: str
    targets: tuple[DeployTarget, ...] = ()
    refusal: Reason | None = None
    unmapped: tuple[str, ...] = ()
    place: DeployTarget | None = None
    lines: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The incident, or repository and environment as the vendor names them: what keeps its order."""
        message, place = self.message, self.place
        if isinstance(message, Deploy):
            repo = message.repo or (place.repo if place else "")
            environment = message.environment or (place.environment if place else "")
            return f"{repo} {environment or ''}".strip()
        return message.repo if isinstance(message, Push) else message.incident


class Interpretation(NamedTuple):
    """A proven delivery: its messages, or the reason why its body is quarantined.

    `headers` are all that came. `header` is the one with the source's own token, or "". `digest` is that
    of the body as it came, where `body` is a stored one. With `keep_people`, fields of people are stored.
    `secrets` are those of the source, which some senders repeat in their bodies.
    `hold` is how long a start must stay open to be sent. `pack` is the identity of the pack that read it, ""
    for an adapter in code, and `deciding` are the fields that `field_drift` looks for: none in an example.
    """

    source: str
    content_type: str
    body: bytes
    proof: str = ""
    messages: tuple[RoutedMessage, ...] = ()
    reason: Reason | None = None
    headers: Mapping[str, str] = NO_HEADERS
    header: str = ""
    digest: str = ""
    keep_people: bool = False
    hold: timedelta = timedelta()
    secrets: tuple[Secret, ...] = ()
    pack: str = ""
    deciding: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # A body names customers, and may hold a token.
        shown = self._asdict() | {"body": f"{len(self.body)} bytes", "headers": f"{len(self.headers)}"}
        return f"Interpretation({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def prove(request: Request, source: Source, adapter: protocol.Adapter, secrets: Sequence[Secret]) -> str:
    """Verify a delivery and return the origin of the secret that proved it; raises ProofError.

    The secrets are tried one at a time, so that the log shows when an old one is no longer used. A
    delivery with a certificate needs none; CertificateMissing says that it has to be fetched first.
    """
    if protocol.is_certified(type(adapter)) and cast(protocol.Certified, adapter).is_certified(
        request, source.proof
    ):
        adapter.verify(request, (), source.proof)
        return BY_CERTIFICATE
    wrong = None
    for secret in secrets:
        try:
            adapter.verify(request, [secret], source.proof)
        except ProofError as error:
            wrong = error
        else:
            return secret.origin
    raise wrong or ProofError(f"adapter {adapter.name}: expected a proof by one of its secrets, got none")


def interpret(
    request: Request,
    source: Source,
    adapter: protocol.Adapter,
    routes: Routes,
    proof: str,
    digest: str = "",
    *,
    secrets: Sequence[Secret] = (),
) -> Interpretation:
    """Translate and route a proven delivery. Whatever fails becomes a reason to quarantine it.

    A stored body gives the *digest* that it had when it came. *secrets* are never stored with a body.
    """
    routed: tuple[RoutedMessage, ...] = ()
    reason = _CAPTURED if source.capture and proof != REPLAY else None
    if reason is None:
        try:
            messages = adapter.translate(request, source.options)
            if not messages:
                raise PayloadError(f"adapter {adapter.name}: expected messages or a reason, got nothing")
        except UnreadableBody as error:
            reason = Reason(INVALID_JSON, str(error))
        except PayloadError as error:
            reason = Reason(UNEXPECTED_PAYLOAD, str(error))
        except Exception as error:  # noqa: BLE001  a fault of an adapter must not lose a delivery
            text = f"adapter {adapter.name}: expected a translation, got {type(error).__name__}"
            reason = Reason(UNEXPECTED_PAYLOAD, text)
        else:
            routed = tuple(
                [
                    routed
                    for index, message in enumerate(messages)
                    for routed in _each(message, source, routes, _key(message, request.body, digest, index))
                ]
            )
    return Interpretation(
        source.name,
        request.headers.get("content-type", ""),
        request.body,
        proof,
        routed,
        reason,
        request.headers,
        source.proof.header,
        digest,
        source.keep_people,
        source.hold,
        tuple(secrets),
        getattr(adapter, "identity", ""),
        deciding(source.only),
    )


def storable_headers(interpretation: Interpretation) -> dict[str, str]:
    """Return the headers of a delivery that may be stored: all but those that prove it or name a person."""
    proof = interpretation.header.lower()
    planted = _secret_texts(interpretation)
    return {
        name: value
        for name, value in interpretation.headers.items()
        if name != proof
        and not _is_secret(name)
        and not any(text.is_in(value) for text in planted)
        and (interpretation.keep_people or not stored_body.is_header_of_people(name))
    }


def storable_body(interpretation: Interpretation) -> bytes:
    """Return the body of a delivery that may be stored: without the fields of people, and without secrets.

    Honeycomb repeats the source's token in its body, and a proof may be a field of it.
    """
    body, kind = interpretation.body, interpretation.content_type
    if not interpretation.keep_people:
        body = stored_body.without_people(body, kind, decode)
    body = stored_body.without_secrets(body, kind, decode)
    for text in _secret_texts(interpretation):
        body = stored_body.without_text(body, kind, text, decode)
    return body


def _secret_texts(interpretation: Interpretation) -> list[ErasedText]:
    texts = [secret.reveal().strip() for secret in interpretation.secrets]
    return [ErasedText.make(text) for text in texts if len(text) >= SHORTEST]


# All deliveries of a sender have the same few names. The cache drops rare ones.
@lru_cache(256)
def _is_secret(name: str) -> bool:
    return _SECRET_HEADER.search(name) is not None


def _each(message: protocol.Message, source: Source, routes: Routes, key: str) -> list[RoutedMessage]:
    """Route a message; a deploy of several repositories is a message for each."""
    first = _routed(message, source, routes, key)
    if not isinstance(first.message, Deploy) or first.place is None:
        return [first]
    deploy, place = first.message, first.place
    return [first] + [
        first._replace(
            # What came last is remembered for each of them.
            message=replace(deploy, repo=repo, object=deploy.object and f"{deploy.object} {repo}"),
            key=f"{key} {repo}",
            place=place._replace(repo=routes.renames.present(repo)),
        )
        for repo in source.route.also(deploy)
    ]


def _routed(message: protocol.Message, source: Source, routes: Routes, key: str) -> RoutedMessage:
    if isinstance(message, protocol.Change):
        routed = routes.route(message)
        refusal = source.only.refusal(message) or routed.refusal
        return RoutedMessage(message, key, routed.targets, refusal, routed.unmapped, lines=routed.lines)
    if isinstance(message, Deploy):
        found = source.route.route(message)
        if isinstance(found, Reason):
            return RoutedMessage(message, key, refusal=found)
        deploy = of_application(message, found)
        if isinstance(deploy, Reason):
            return RoutedMessage(message, key, refusal=deploy)
        # The id of the event stays that of the name which the delivery, or else the line, has.
        named = deploy if deploy.repo else replace(deploy, repo=found.repo)
        place = found._replace(repo=routes.renames.present(found.repo))
        return RoutedMessage(named, key, refusal=unwanted(source.only.environment, place), place=place)
    if isinstance(message, Push):
        push = replace(message, repo=routes.renames.present(message.repo))
        return RoutedMessage(with_services(push, routes.paths), key)
    if isinstance(message, protocol.Renamed):
        former, name = message.former, message.repo
        if routes.renames.key(former) == routes.renames.key(name):
            known = f"{former} is called {name} now, as repositories says"
            return RoutedMessage(protocol.Ignored(known, message.word, key=message.key), key)
    return RoutedMessage(message, key)


def may_count_more(routed: RoutedMessage, change: protocol.Change, decision: Decision) -> bool:
    """Whether a change starts something at some of its services, and may at others that have no line yet.

    An end counts where its start counted, so it needs no line.
    """
    if not routed.unmapped or routed.refusal is not None:
        return False
    return change.state == protocol.STARTED or any(
        event.kind == INCIDENT_STARTED for event in decision.events
    )


def digest_of(body: bytes) -> str:
    """Return the digest of a body, which recognizes a repeat of the same bytes."""
    return hashlib.sha256(body).hexdigest()


def _key(message: protocol.Message, body: bytes, digest: str, index: int) -> str:
    # A vendor that does not name its messages repeats the bytes when it repeats a delivery.
    name = message.key or f"{(digest or digest_of(body))[:32]}-{index}"
    # Two of Datadog's templates for one monitor send the same event id for different incidents.
    incident = message.incident if isinstance(message, (protocol.Change, protocol.Ignored)) else ""
    return f"{name} {incident}" if incident else name
