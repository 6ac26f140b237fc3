"""Find out who a visitor is: by a session, or by what a trusted proxy says."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from gitdailies_connection.config.sections.sign_in import SignInSettings
from gitdailies_core.errors import StoreUnavailable
from starlette.datastructures import Headers

from gitdailies_dora.accounts import people, people_store, screen_store
from gitdailies_dora.accounts.people import Person
from gitdailies_dora.accounts.screens import Screen
from gitdailies_dora.accounts.single_sign_on import identities
from gitdailies_dora.accounts.single_sign_on.account import SignInRefused, account_of_headers, role_of
from gitdailies_dora.accounts.single_sign_on.identities import Outcome
from gitdailies_dora.events.store import EventStore

# What the name of the cookie of a screen ends with.
SCREEN = "-screen"
# How often the last sign-in of a person is recorded whom a proxy names with every request.
_RECORDED_EVERY = timedelta(hours=1)


class Visitors:
    """Finds out who visitors of one store are."""

    def __init__(self, store: EventStore, clock: Callable[[], datetime], settings: SignInSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def of_session(self, token: str, *, is_used: bool) -> Person | None:
        """Return the person of the session of a cookie. *is_used*: a person asks, not a page that is open."""
        hash_, now = people.hash_of(token), self._clock()
        session = await self._store.read(partial(people_store.find_session, hash_=hash_, now=now))
        if session is None:
            return None
        if is_used and session.is_stale(now):
            with suppress(StoreUnavailable):  # the use may go unnoted: pages are read while the disk is full
                await self._store.write(partial(people_store.mark_session_used, hash_=hash_, now=now))
        return session.person

    async def screen(self, token: str) -> Screen | None:
        """Return the link with this token, which is used now; None if it does not work."""
        hash_, now = people.hash_of(token), self._clock()
        screen = await self._store.read(partial(screen_store.find, hash_=hash_, now=now))
        if screen is not None and screen.is_stale(now):
            with suppress(StoreUnavailable):
                await self._store.write(partial(screen_store.mark_seen, id_=screen.id, now=now))
        return screen

    async def of_proxy(self, headers: Headers) -> Outcome | None:
        """Return the person whom a proxy names, who is added at the first visit; None if it names no one.

        A person who may not come in gets the reason. *headers* have those of the proxy only if it is trusted
        (`api.middleware.ClientAddress`).
        """
        if self._settings.header is None:
            return None
        given = {name: headers.getlist(name) for name in self._settings.header.names}
        try:
            account = account_of_headers(given, self._settings.header)
        except SignInRefused as error:
            return Outcome(None, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        if account is None:
            return None
        role, now = role_of(account, self._settings.roles), self._clock()
        person = await self._store.read(partial(identities.find, account=account))
        last = None if person is None else person.signed_in_at
        if person is not None and person.role == role and last is not None and now - last < _RECORDED_EVERY:
            return Outcome(person)
        if person is None and not role:  # nothing to write: the proxy names this person with each request
            return identities.NO_ROLE
        return await self._store.write(partial(identities.visit, account=account, role=role, now=now))
