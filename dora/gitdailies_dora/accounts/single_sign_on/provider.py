"""Fetch what an OpenID Connect provider says: its configuration, its keys, and the account behind a code.

Each call may wait for the provider: run it in a thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Generic, TypeVar

from gitdailies_connection.config.sections.sign_in import OpenIdSettings
from gitdailies_connection.http.bounded_client import BoundedClient, ask, prepared, proxy_of_environment
from gitdailies_connection.http.response import Response
from gitdailies_core.errors import DeliveryError, UnreadableBody
from joserfc.jwk import KeySet

from gitdailies_dora.accounts.single_sign_on import id_token, metadata
from gitdailies_dora.accounts.single_sign_on.account import Account, SignInRefused, account_of_claims
from gitdailies_dora.accounts.single_sign_on.metadata import ProviderMetadata

T = TypeVar("T")

TIMEOUT_SECONDS = 10.0
_LARGEST_ANSWER = 512 * 1024
_KEEP_SECONDS = 3600.0
_RETRY_SECONDS = 10.0
# An unknown key makes this server fetch the keys again, but a token with an invented one not at once.
_KEYS_AT_MOST_EVERY = 60.0


class OpenIdProvider:
    """One provider. What it publishes is kept for an hour, and longer while it cannot be reached."""

    def __init__(self, settings: OpenIdSettings, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._metadata = _Kept[ProviderMetadata](ticks)
        self._keys = _Kept[KeySet](ticks)

    def metadata(self) -> ProviderMetadata:
        """Return what the provider publishes about itself; raises DeliveryError and SignInRefused."""
        url = self.settings.issuer.rstrip("/") + metadata.WELL_KNOWN
        with self._lock:
            return self._metadata.get(
                lambda: metadata.metadata_of(self._json("GET", url), self.settings.issuer)
            )

    def check(self) -> None:
        """Read the configuration, the keys and the secret, as a sign-in does.

        Raises DeliveryError if the provider does not answer, SignInRefused and ConfigurationError.
        """
        if self.settings.client_secret is not None:
            self.settings.client_secret.read(os.environ)
        self._published_keys(self.metadata(), again=False)

    def account(self, code: str, *, redirect: str, verifier: str, nonce: str) -> Account:
        """Exchange a code for the account of the person who signed in.

        Raises DeliveryError if the provider does not answer, SignInRefused for anything that is not right.
        """
        about, settings = self.metadata(), self.settings
        secret = None if settings.client_secret is None else settings.client_secret.read(os.environ)
        headers, body = metadata.token_request(
            about,
            code=code,
            client_id=settings.client_id,
            secret=secret,
            redirect=redirect,
            verifier=verifier,
        )
        tokens = self._json("POST", about.token, headers, body)
        token = tokens.get("id_token") if isinstance(tokens, dict) else None
        if not isinstance(token, str):
            raise SignInRefused("the provider sent no ID token")
        claims = self._verified(token, about, nonce)
        wanted = ("email", settings.groups_claim)
        access = tokens.get("access_token")
        if about.userinfo and isinstance(access, str) and any(name not in claims for name in wanted):
            claims = {**self._userinfo(about.userinfo, access, claims["sub"]), **claims}
        return account_of_claims(claims, settings)

    def _verified(self, token: str, about: ProviderMetadata, nonce: str) -> dict[str, Any]:
        for again in (False, True):
            try:
                return id_token.verified_claims(
                    token,
                    self._published_keys(about, again=again),
                    issuer=about.issuer,
                    client_id=self.settings.client_id,
                    nonce=nonce,
                    now=int(time.time()),
                )
            except id_token.KeyUnknown:
                if again:
                    raise
        raise AssertionError("the second attempt returns or raises")

    def _published_keys(self, about: ProviderMetadata, *, again: bool) -> KeySet:
        with self._lock:
            if again:
                self._keys.expire(_KEYS_AT_MOST_EVERY)
            return self._keys.get(lambda: id_token.keys_of(self._json("GET", about.keys)))

    def _userinfo(self, url: str, access: str, subject: str) -> dict[str, Any]:
        answer = self._exchange("GET", url, {"Authorization": f"Bearer {access}"})
        if answer.status == 200 and answer.content_type == "application/jwt":
            return {}  # signed for another purpose; the ID token has to do
        found = _decoded(answer, "the provider's answer about the person")
        if not isinstance(found, dict) or found.get("sub") != subject:
            raise SignInRefused("the provider described another person than the one who signed in")
        return found

    def _json(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Any:
        return _decoded(self._exchange(method, url, headers or {}, body), "the provider's answer")

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Response:
        client = BoundedClient(
            timeout_seconds=TIMEOUT_SECONDS,
            ca_file=self.settings.ca_file,
            ca_setting="dora.sign_in.openid.ca_file",
            in_flight=1,
        )
        url = prepared(url)
        with closing(client):
            return client.exchange(
                method, url, headers, body, largest=_LARGEST_ANSWER, proxy=proxy_of_environment(url)
            )


def published_keys(issuer: str) -> KeySet:
    """Return the keys of an issuer of ID tokens; raises DeliveryError and SignInRefused."""

    def read(url: str) -> Any:
        answer = ask("GET", url, {}, None, seconds=TIMEOUT_SECONDS, largest=_LARGEST_ANSWER)
        return _decoded(answer, "its answer")

    document = read(issuer.rstrip("/") + metadata.WELL_KNOWN)
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise SignInRefused(f"its configuration: expected the issuer {issuer}, got another")
    return id_token.keys_of(read(metadata.address_in(document, "jwks_uri", issuer)))


def _decoded(answer: Response, what: str) -> Any:
    """Return the JSON of an answer; raises DeliveryError for a fault of the provider, else SignInRefused."""
    if answer.broken or answer.status >= 500 or answer.status == 429:
        raise DeliveryError(f"{what}: expected JSON, got {answer.status or 'nothing'}")
    try:
        found = answer.json()
    except UnreadableBody:
        found = None
    if answer.status != 200:
        word = metadata.error_word(found.get("error") if isinstance(found, dict) else None)
        raise SignInRefused(f"{what}: expected 200, got {answer.status} with {word}")
    if found is None:
        raise SignInRefused(f"{what}: expected JSON, got something else")
    return found


class _Kept(Generic[T]):
    """A value that is fetched again after an hour; if that fails, the old one is used."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._value: T | None = None
        self._fetched_at = 0.0
        self._until = 0.0

    def get(self, fetch: Callable[[], T]) -> T:
        """Return the value, fetched if it is too old."""
        if self._value is None or self._ticks() >= self._until:
            try:
                self._value = fetch()
                self._fetched_at = self._ticks()
                self._until = self._fetched_at + _KEEP_SECONDS
            except DeliveryError:
                if self._value is None:
                    raise
                self._until = self._ticks() + _RETRY_SECONDS
        return self._value

    def expire(self, at_most_every: float) -> None:
        """Have the value fetched again, unless it was fetched less than *at_most_every* seconds ago."""
        if self._ticks() >= self._fetched_at + at_most_every:
            self._until = 0.0
