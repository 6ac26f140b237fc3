"""Proof of origin: an HMAC over the raw body, or a shared token in a header.

Verification returns nothing, catches nothing and defaults to nothing: it raises ProofError
unless one of the given secrets matches. Several secrets are live while one is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

# A header with more entries is an attack on our time, not a rotation of secrets.
MOST_SIGNATURES = 8


def verify_hmac_sha256(
    request: Request, secrets: Sequence[Secret], *, header: str, prefix: str = "v1="
) -> None:
    """Accept if any `prefix` entry of *header* is the hex HMAC-SHA256 of the body by any secret.

    Entries are joined by commas; those of other versions are skipped. Source of the form:
    PagerDuty's "Verifying webhook signatures". Raises ProofError.
    """
    _required(secrets)
    entries = map(str.strip, request.header(header).split(",")[:MOST_SIGNATURES])
    given = [_bytes(entry[len(prefix) :]) for entry in entries if entry.startswith(prefix)]
    matched = False
    for secret in secrets:
        expected = hmac.digest(secret.reveal().encode(), request.body, hashlib.sha256).hex().encode()
        for signature in given:
            matched |= hmac.compare_digest(expected, signature)
    if not matched:
        raise ProofError(f"{header}: expected a signature by one of our secrets, got none")


def verify_shared_token(request: Request, secrets: Sequence[Secret], *, header: str) -> None:
    """Accept if *header* holds exactly one of the secrets; raises ProofError."""
    _required(secrets)
    if not header:
        raise ConfigurationError("header: expected the name of the header that carries the token, got none")
    given = _bytes(request.header(header))
    matched = False
    for secret in secrets:
        matched |= secret.matches(given)
    if not matched:
        raise ProofError(f"{header.lower()}: expected one of our tokens, got none")


def _bytes(text: str) -> bytes:
    # A header may hold anything; compare_digest refuses text that is not ASCII.
    return text.encode("utf-8", "surrogatepass")


def _required(secrets: Sequence[Secret]) -> None:
    # An empty secret would make anybody able to sign.
    if not secrets or not all(secrets):
        raise ConfigurationError(
            "secrets: expected at least one, none of them empty, got none or an empty one"
        )
