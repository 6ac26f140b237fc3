"""Fetch the keys that an issuer of ID tokens publishes."""

from __future__ import annotations

from typing import Any

from gitdailies_connection.http.bounded_client import ask
from joserfc.jwk import KeySet

from gitdailies_dora.accounts.single_sign_on import id_token, metadata
from gitdailies_dora.accounts.single_sign_on.account import SignInRefused
from gitdailies_dora.accounts.single_sign_on.provider import decoded

_TIMEOUT_SECONDS = 10.0
_LARGEST_ANSWER = 512 * 1024


def published_keys(issuer: str) -> KeySet:
    """Return the keys of an issuer, which takes a moment; raises DeliveryError and SignInRefused.

    Nothing but https is asked, except on this machine, and no redirect is followed.
    """
    document = _json(issuer.rstrip("/") + metadata.WELL_KNOWN)
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise SignInRefused(f"its configuration: expected the issuer {issuer}, got another")
    return id_token.keys_of(_json(metadata.address_in(document, "jwks_uri", issuer)))


def _json(url: str) -> Any:
    return decoded(ask("GET", url, {}, None, seconds=_TIMEOUT_SECONDS, largest=_LARGEST_ANSWER), "its answer")
