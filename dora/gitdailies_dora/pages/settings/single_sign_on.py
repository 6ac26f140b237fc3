"""Sign-in with an OpenID Connect provider: to the provider, and back."""

import asyncio
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from gitdailies_core.errors import ConfigurationError, DeliveryError, GitDailiesError
from starlette.responses import Response

from gitdailies_dora.accounts.rate_limit import SINGLE_SIGN_ON, FailureLimit, network_of
from gitdailies_dora.accounts.single_sign_on import identities, metadata, pending
from gitdailies_dora.accounts.single_sign_on.account import SignInRefused, role_of
from gitdailies_dora.pages.frame.request_context import Visit, cookie_header, cookie_name, local_path
from gitdailies_dora.pages.frame.site import EVERYONE, Page, Site

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.sign_in import OpenIdSettings

    from gitdailies_dora.accounts.single_sign_on.provider import OpenIdProvider

T = TypeVar("T")

BEGIN, BACK = "/sign-in/openid", "/sign-in/openid/callback"
# Each waits for the provider, for some seconds at most.
_AT_ONCE = 4


class SingleSignOnPages:
    """The way to the provider and back; without a provider in the settings there are no pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        settings = site.ways_in.openid
        self._providers = [] if settings is None else [_provider(settings)]
        self._tries = FailureLimit(SINGLE_SIGN_ON)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def pages(self) -> list[Page]:
        if not self._providers:
            return []
        return [Page(BEGIN, self.begin, needs=EVERYONE), Page(BACK, self.back, needs=EVERYONE)]

    async def begin(self, visit: Visit) -> Response:
        """Redirect to the provider."""
        (provider,) = self._providers
        path = local_path(visit.fields.get("next", ""))
        if visit.person is not None:
            return self._site.redirect(path)
        address, tick = network_of(visit.address), time.monotonic()
        if wait := self._tries.wait_seconds(address, tick):
            return self._site.too_many(visit, wait)
        self._tries.record(address, tick)
        try:
            about = await self._in_thread(provider.metadata)
        except GitDailiesError as error:
            return self._failed(visit, error)
        state = secrets.token_urlsafe(32)
        await self._site.write(pending.begin, state=state, cookie=visit.token, next_path=path)
        target = metadata.authorization_address(
            about,
            provider.settings,
            redirect=visit.origin + BACK,
            state=state,
            nonce=pending.derived("nonce", visit.token, state),
            verifier=pending.derived("verifier", visit.token, state),
        )
        has_cookie = cookie_name(secure=visit.secure) in visit.request.cookies
        cookie = {} if has_cookie else cookie_header(visit.token, secure=visit.secure, seconds=None)
        return self._site.redirect(target, cookie)

    async def back(self, visit: Visit) -> Response:
        """Take the answer of the provider, which a browser brings once, and begin a session."""
        (provider,) = self._providers
        state = visit.fields.get("state", "")
        path = await self._site.write(pending.take, state=state, cookie=visit.token)
        if path is None:
            text = (
                "It was already used, it took longer than ten minutes, or it began in another browser. "
                "Open the page that you wanted again."
            )
            return self._site.message(visit, 400, "This sign-in has expired", text)
        try:
            about = await self._in_thread(provider.metadata)
            account = await self._in_thread(
                partial(
                    provider.account,
                    about,
                    metadata.code_of(visit.fields, about),
                    redirect=visit.origin + BACK,
                    verifier=pending.derived("verifier", visit.token, state),
                    nonce=pending.derived("nonce", visit.token, state),
                )
            )
        except GitDailiesError as error:
            return self._failed(visit, error)
        role = role_of(account, self._site.ways_in.roles)
        outcome = await self._site.write(identities.sign_in, account=account, role=role)
        if outcome.person is None:
            self._site.log.warning("sign-in refused", address=visit.address, reason=outcome.reason)
            return self._site.message(visit, 403, "You may not sign in", outcome.reason)
        self._tries.give_back(network_of(visit.address), SINGLE_SIGN_ON.seconds_each, time.monotonic())
        self._site.log.info("signed in", person=outcome.person.name, provider=provider.settings.name)
        return await self._site.sign_in(visit, outcome.person, path)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)

    def _failed(self, visit: Visit, error: GitDailiesError) -> Response:
        """Say what happened in general; the log has the reason, which is for the operator."""
        if not isinstance(error, (SignInRefused, DeliveryError, ConfigurationError)):
            raise error
        self._site.log.warning("sign-in refused", address=visit.address, reason=str(error))
        again = "Try again."
        if self._site.ways_in.passwords:
            again = "Try again, or sign in with a password."
        if isinstance(error, DeliveryError):
            text = f"The provider does not answer now. {again}"
            return self._site.message(visit, 503, "The sign-in could not be completed", text)
        text = f"The provider's answer was not accepted. The server's log says why. {again}"
        return self._site.message(visit, 403, "The sign-in was not accepted", text)


def begin_path(path: str) -> str:
    """Return the address that begins a sign-in, after which *path* is opened."""
    return f"{BEGIN}?{urlencode({'next': path})}"


def _provider(settings: "OpenIdSettings") -> "OpenIdProvider":
    # Imported only where a provider is set: its cryptography is a tenth of what a server imports.
    from gitdailies_dora.accounts.single_sign_on.provider import OpenIdProvider

    return OpenIdProvider(settings)
