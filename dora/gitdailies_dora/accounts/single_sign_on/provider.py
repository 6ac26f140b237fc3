"""Fetch what an OpenID Connect provider says: its configuration, its keys, and the account behind a code.

Each call may wait for the provider: run it in a thread.
"""

import os
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from gitdailies_connection.config.sections.sign_in import OpenIdSettings
from gitdailies_connection.http.bounded_client import BoundedClient, ask, prepared, proxy_of_environment
from gitdailies_connection.http.response import Response
from gitdailies_core.errors import DeliveryError, UnreadableBody
from joserfc.jwk import KeySet

from gitdailies_dora.accounts.single_sign_on import id_token, metadata
from gitdailies_dora.accounts.single_sign_on.account import Account, SignInRefused, account_of_claims
from gitdailies_dora.accounts.single_sign_on.metadata import ProviderMetadata

TIMEOUT_SECONDS = 10.0
_LARGEST_ANSWER = 512 * 1024
# Anybody may begin a sign-in, and the provider is not asked for each of them.
_KEEP_SECONDS = 300.0


class OpenIdProvider:
    """One provider. Each sign-in asks for its keys, so that a new one is known at once."""

    def __init__(self, settings: OpenIdSettings) -> None:
        self.settings = settings
        self._kept: tuple[float, ProviderMetadata] | None = None

    def metadata(self) -> ProviderMetadata:
        """Return what the provider publishes about itself; raises DeliveryError and SignInRefused."""
        if self._kept is None or self._kept[0] < time.monotonic():
            url = self.settings.issuer.rstrip("/") + metadata.WELL_KNOWN
            found = metadata.metadata_of(self._json("GET", url), self.settings.issuer)
            self._kept = time.monotonic() + _KEEP_SECONDS, found
        return self._kept[1]

    def check(self) -> None:
        """Read the configuration, the keys and the secret, as a sign-in does.

        Raises DeliveryError if the provider does not answer, SignInRefused and ConfigurationError.
        """
        if self.settings.client_secret is not None:
            self.settings.client_secret.read(os.environ)
        self._published_keys(self.metadata())

    def account(
        self, about: ProviderMetadata, code: str, *, redirect: str, verifier: str, nonce: str
    ) -> Account:
        """Exchange a code for the account of the person who signed in; *about* is what `metadata` returns.

        Raises DeliveryError if the provider does not answer, SignInRefused for anything that is not right.
        """
        settings = self.settings
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
        claims = id_token.verified_claims(
            token,
            self._published_keys(about),
            issuer=about.issuer,
            client_id=settings.client_id,
            nonce=nonce,
            now=int(time.time()),
        )
        wanted = ("email", settings.groups_claim)
        access = tokens.get("access_token")
        if about.userinfo and isinstance(access, str) and any(name not in claims for name in wanted):
            claims = {**self._userinfo(about.userinfo, access, claims["sub"]), **claims}
        return account_of_claims(claims, settings)

    def _published_keys(self, about: ProviderMetadata) -> KeySet:
        return id_token.keys_of(self._json("GET", about.keys))

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
