"""The comparisons of all proofs, and what every check needs."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from gitdailies_core import ConfigurationError, ProofError, Request, Secret
from gitdailies_core.sources.protocol import Proven

# A rotation of secrets needs fewer entries. A longer header only costs time.
MOST_SIGNATURES = 8
_MILLISECONDS = 10**11


class Proof(Protocol):
    """One way to prove a delivery."""

    def is_tried(self, request: Request) -> bool:
        """Whether the request holds this proof, right or wrong."""

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:
        """Raise ProofError unless the proof is right."""

    @property
    def where(self) -> str:
        """Where the proof is, for messages."""


@runtime_checkable
class Makes(Protocol):
    """A proof that can be made here as well, for an example."""

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven:
        """Return what proves *body*, sent *at* a time; raises ConfigurationError for an unfit secret."""


def check_secrets(secrets: Sequence[Secret]) -> None:
    """Raise ConfigurationError without secrets: with an empty one, any sender could sign."""
    if not secrets or not all(secrets):
        raise ConfigurationError(
            "secrets: expected at least one, none of them empty, got none or an empty one"
        )


def raw(text: str) -> bytes:
    # A header may hold any text, but compare_digest refuses text that is not ASCII.
    return text.encode("utf-8", "surrogatepass")


def any_equal(expected: Iterable[bytes], given: Sequence[bytes]) -> bool:
    """Compare all with all, in constant time."""
    matched = False
    for right in expected:
        for one in given:
            matched |= hmac.compare_digest(right, one)
    return matched


def check_age(request: Request, text: str, seconds: float, where: str) -> None:
    """Raise ProofError if a timestamp is not within *seconds* of the receipt, earlier or later."""
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise ProofError(f"{where}: expected a timestamp in seconds, got another text")
    if not seconds:
        return
    if request.received_at is None:
        raise ProofError(f"{where}: the time of receipt is not known, so the timestamp cannot be checked")
    number = int(text)
    try:
        signed_at = datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        raise ProofError(f"{where}: expected a timestamp in seconds, got another number") from None
    if abs(request.received_at - signed_at) > timedelta(seconds=seconds):
        raise ProofError(
            f"{where}: expected a timestamp within {seconds:g} seconds of the receipt, got another one"
        )
