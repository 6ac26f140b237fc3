"""What a delivery means, before anything is stored: proof, translation and routing. A pure decision."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import orjson
from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import PayloadError, ProofError, UnreadableBody
from gitdailies_core.incidents.routing import Routes, Target
from gitdailies_core.reasons import INVALID_JSON, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources.protocol import Adapter, Change, Ignored
from gitdailies_core.sources.request import Request
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret

# The proof of a replay. The real one was checked when the body came, and secrets may have changed since.
REPLAY = "replay"

# Reads JSON as core does, several times faster.
decode = strict_json.guarded(orjson.loads)


class RoutedMessage(NamedTuple):
    """One message. A change has the targets where it counts, or the reason why it does not count.

    `unmapped` names the services without a route, also where other services of the message have one.
    """

    message: Change | Ignored
    key: str
    targets: tuple[Target, ...] = ()
    refusal: Reason | None = None
    unmapped: tuple[str, ...] = ()


class Interpretation(NamedTuple):
    """A proven delivery: its messages, or the `code` and `reason` why its body is quarantined."""

    source: str
    content_type: str
    body: bytes
    proof: str = ""
    messages: tuple[RoutedMessage, ...] = ()
    reason: Reason | None = None

    def __repr__(self) -> str:
        # A body names customers, and may hold a token.
        shown = self._asdict() | {"body": f"{len(self.body)} bytes"}
        return f"Interpretation({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def prove(request: Request, source: Source, adapter: Adapter, secrets: Sequence[Secret]) -> str:
    """Verify a delivery and return the origin of the secret that proved it; raises ProofError.

    The secrets are tried one at a time, so that the log shows when an old one is no longer used.
    """
    wrong = None
    for secret in secrets:
        try:
            adapter.verify(request, [secret], source.header)
        except ProofError as error:
            wrong = error
        else:
            return secret.origin
    raise wrong or ProofError(f"adapter {adapter.name}: expected a proof by one of our secrets, got none")


def interpret(
    request: Request, source: Source, adapter: Adapter, routes: Routes, proof: str
) -> Interpretation:
    """Translate and route a proven delivery. Whatever fails becomes a reason to quarantine it."""
    content_type = request.header("content-type")
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
            _routed(message, source, routes, _key(message, request, index))
            for index, message in enumerate(messages)
        )
        return Interpretation(source.name, content_type, request.body, proof, routed)
    return Interpretation(source.name, content_type, request.body, proof, (), reason)


def _routed(message: Change | Ignored, source: Source, routes: Routes, key: str) -> RoutedMessage:
    if isinstance(message, Ignored):
        return RoutedMessage(message, key)
    routed = routes.route(message)
    refusal = source.only.refusal(message) or routed.refusal
    return RoutedMessage(message, key, routed.targets, refusal, routed.unmapped)


def _key(message: Change | Ignored, request: Request, index: int) -> str:
    # A vendor that does not name its messages repeats the bytes when it repeats a delivery.
    name = message.key or f"{hashlib.sha256(request.body).hexdigest()[:32]}-{index}"
    # Two of Datadog's templates for one monitor send the same event id for different incidents.
    return f"{name} {message.incident}" if message.incident else name
