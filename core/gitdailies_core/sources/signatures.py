"""Proof of origin: an HMAC over the raw body, or a shared token in a header.

A verification returns nothing, catches nothing and has no defaults. It raises ProofError unless
one of the given secrets matches. Several secrets are valid while one is being rotated.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.protocol import Adapter, ProofSettings, Proven, Signs
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

# A rotation of secrets needs fewer entries. A longer header only costs time.
MOST_SIGNATURES = 8


def verify_hmac_sha256(
    request: Request, secrets: Sequence[Secret], *, header: str, prefix: str = "v1="
) -> None:
    """Check that an entry of *header* is the HMAC-SHA256 of the body, made with one of *secrets*.

    The header holds entries separated by commas, each *prefix* and hexadecimal digits. Entries
    with another prefix are skipped. Source of the form: PagerDuty's "Verifying webhook
    signatures". Raises ProofError.
    """
    check_secrets(secrets)
    entries = map(str.strip, request.header(header).split(",")[:MOST_SIGNATURES])
    given = [raw(entry[len(prefix) :]) for entry in entries if entry.startswith(prefix)]
    expected = [hmac_sha256(request.body, secret, prefix="").encode() for secret in secrets]
    if not any_equal(expected, given):
        raise ProofError(
            f"{header}: expected a signature by a secret of this source, got {'another' if given else 'none'}"
        )


def verify_shared_token(request: Request, secrets: Sequence[Secret], *, header: str) -> None:
    """Check that *header* is one of *secrets*, with or without `Bearer` before it. Raises ProofError."""
    check_secrets(secrets)
    if not header:
        raise ConfigurationError("header: expected the name of the header that carries the token, got none")
    given = bare_tokens(request.header(header))
    if not any_equal([secret.reveal().encode() for secret in secrets], [raw(one) for one in given]):
        raise ProofError(
            f"{header.lower()}: expected a token of this source, got {'another' if given else 'none'}"
        )


def bare_tokens(value: str) -> list[str]:
    """Return what may be the token in a header: the whole value, and what follows `Bearer`."""
    return [value, *([value[7:]] if value[:7].lower() == "bearer " else [])] if value else []


def hmac_sha256(body: bytes, secret: Secret, *, prefix: str = "v1=") -> str:
    """Return the signature of *body* that `verify_hmac_sha256` accepts."""
    return prefix + hmac.digest(secret.reveal().encode(), body, hashlib.sha256).hex()


def sign(adapter: Adapter, body: bytes, secret: Secret, settings: ProofSettings, at: datetime) -> Proven:
    """Return what proves *body*, for an example; raises ConfigurationError where only the tool can.

    A header that the source names holds the token, also of a tool that signs.
    """
    if settings.header:
        return Proven({settings.header: secret.reveal()}, {})
    if isinstance(adapter, Signs):
        return adapter.sign(body, secret, settings, at)
    raise ConfigurationError(f"{adapter.name}: only the tool itself can prove a delivery; have it send one")


def check_secrets(secrets: Sequence[Secret]) -> None:
    """Raise ConfigurationError without secrets: with an empty one, any sender could sign."""
    if not secrets or not all(secrets):
        raise ConfigurationError(
            "secrets: expected at least one, none of them empty, got none or an empty one"
        )


def raw(text: str) -> bytes:
    """Return the bytes of a header or field, for a comparison."""
    # A header may hold any text, but compare_digest refuses text that is not ASCII.
    return text.encode("utf-8", "surrogatepass")


def any_equal(expected: Iterable[bytes], given: Sequence[bytes]) -> bool:
    """Compare all with all, in constant time."""
    matched = False
    for right in expected:
        for one in given:
            matched |= hmac.compare_digest(right, one)
    return matched
