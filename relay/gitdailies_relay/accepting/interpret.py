"""What a delivery says, before anything is stored: proof, translation, routing. A pure decision."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import PayloadError, ProofError, UnreadableBody
from gitdailies_core.incidents.routing import Routes, Target
from gitdailies_core.reasons import INVALID_JSON, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources.protocol import Adapter, Change, Ignored
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

SHAPE, UNREADABLE, UNMAPPED = "shape", "unreadable", "unmapped"
# Stands for the proof of a replay, which was checked when the body came; secrets may have changed since.
REPLAY = "replay"


class Said(NamedTuple):
    """One message, and for a change where it counts or why it is not wanted.

    `unmapped` names services without a route, also where others of the message have one.
    """

    message: Change | Ignored
    key: str
    targets: tuple[Target, ...] = ()
    refusal: Reason | None = None
    unmapped: tuple[str, ...] = ()


class Reading(NamedTuple):
    """A proven delivery: what it says, or why its body is kept for later (`why`, `reason`)."""

    source: str
    content_type: str
    body: bytes
    proof: str = ""
    said: tuple[Said, ...] = ()
    why: str = ""
    reason: Reason | None = None

    def __repr__(self) -> str:
        # A body names customers, and may hold a token.
        shown = self._asdict() | {"body": f"{len(self.body)} bytes"}
        return f"Reading({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def prove(request: Request, source: Source, adapter: Adapter, secrets: Sequence[Secret]) -> str:
    """Verify a delivery and say which secret proved it; raises ProofError.

    One secret at a time, so that an old one can be seen to be out of use and taken away.
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


def read(request: Request, source: Source, adapter: Adapter, routes: Routes, proof: str) -> Reading:
    """Translate and route a proven delivery; whatever goes wrong is a reason to keep it."""
    content_type = request.header("content-type")
    try:
        messages = adapter.translate(request, source.options)
        if not messages:
            raise PayloadError(f"adapter {adapter.name}: expected messages or a reason, got nothing")
    except UnreadableBody as error:
        why, reason = UNREADABLE, Reason(INVALID_JSON, str(error))
    except PayloadError as error:
        why, reason = SHAPE, Reason(UNEXPECTED_PAYLOAD, str(error))
    except Exception as error:  # noqa: BLE001  a fault of an adapter must not lose a delivery
        text = f"adapter {adapter.name}: expected a translation, got {type(error).__name__}"
        why, reason = SHAPE, Reason(UNEXPECTED_PAYLOAD, text)
    else:
        said = tuple(
            _said(message, source, routes, _key(message, request, index))
            for index, message in enumerate(messages)
        )
        return Reading(source.name, content_type, request.body, proof, said)
    return Reading(source.name, content_type, request.body, proof, (), why, reason)


def _said(message: Change | Ignored, source: Source, routes: Routes, key: str) -> Said:
    if isinstance(message, Ignored):
        return Said(message, key)
    routed = routes.route(message)
    refusal = source.only.refusal(message) or routed.refusal
    return Said(message, key, routed.targets, refusal, routed.unmapped)


def _key(message: Change | Ignored, request: Request, index: int) -> str:
    # A vendor without names for its messages repeats the bytes when it repeats a delivery.
    name = message.key or f"{hashlib.sha256(request.body).hexdigest()[:32]}-{index}"
    # Two of Datadog's templates for one monitor send the same event's id for incidents of their own.
    return f"{name} {message.incident}" if message.incident else name
