"""Coming in and going out: sign-in, one-time links, sign-out, a new password."""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial

from gitdailies_core.errors import UsageError
from starlette.responses import Response

from gitdailies_webhooks.accounts import passwords, people, people_store
from gitdailies_webhooks.accounts.rate_limit import SIGN_IN, Attempts, network_of
from gitdailies_webhooks.pages.forms import ChangePassword, Join, SignIn
from gitdailies_webhooks.pages.request_context import Visit, local_path
from gitdailies_webhooks.pages.site import ANYBODY, Page, Site

# Each takes 64 MiB for as long as it runs.
_HASHES_AT_ONCE = 2


class Entry:
    """The pages of whoever is not signed in yet, and of their password."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._attempts = Attempts(SIGN_IN)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    def pages(self) -> list[Page]:
        return [
            Page("/sign-in", self.show_sign_in, needs=ANYBODY),
            Page("/sign-in", self.sign_in, "POST", needs=ANYBODY),
            Page(f"{people.JOIN}{{token}}", self.show_join, needs=ANYBODY),
            Page(f"{people.JOIN}{{token}}", self.join, "POST", needs=ANYBODY),
            Page("/sign-out", self.sign_out, "POST", needs=ANYBODY),
            Page("/settings/password", self.show_password),
            Page("/settings/password", self.change_password, "POST"),
        ]

    async def show_sign_in(self, visit: Visit) -> Response:
        """Show the form, or say how the first owner gets in."""
        if visit.person is not None:
            return self._site.go(local_path(visit.fields.get("next", "")))
        if not await self._site.store.read(people_store.has_owner):
            return self._site.page(visit, "set-up.html")
        form = SignIn(data={"next": local_path(visit.fields.get("next", ""))})
        return self._site.page(visit, "sign-in.html", form=form, fault="")

    async def sign_in(self, visit: Visit) -> Response:
        """Let somebody in who knows name and password; whoever fails too often has to wait."""
        form, who, now = SignIn(visit.fields), network_of(visit.address), time.monotonic()
        if not form.validate():
            return self._site.page(visit, "sign-in.html", 422, form=form, fault="")
        if wait := self._attempts.wait_seconds(who, now):
            return self._too_many(visit, wait)
        # Written down before the answer is known, so that many at once are no way around it.
        self._attempts.fail(who, now)
        person = await self._known(form.name.data or "", form.password.data or "")
        if person is None:
            self._site.log.warning("sign-in refused", address=visit.address)
            fault = "Name or password is not right."
            return self._site.page(visit, "sign-in.html", 401, form=form, fault=fault)
        self._attempts.forget(who)
        self._site.log.info("signed in", person=person.name)
        return await self._site.sign_in(person, local_path(form.next.data or ""))

    async def show_join(self, visit: Visit) -> Response:
        """Show who follows a one-time link what it is for."""
        invitation = await self._invitation(visit)
        if invitation is None:
            return self._used_up(visit)
        return self._site.page(visit, "join.html", form=Join(), invitation=invitation)

    async def join(self, visit: Visit) -> Response:
        """Make a person of a one-time link, and sign them in."""
        invitation, form = await self._invitation(visit), Join(visit.fields)
        if invitation is None:
            return self._used_up(visit)
        if not form.validate():
            return self._site.page(visit, "join.html", 422, form=form, invitation=invitation)
        name, now = people.checked_name(form.name.data or ""), self._site.clock()
        async with self._hashing:
            password = await asyncio.to_thread(passwords.hash_password, form.password.data or "")
        try:
            person = await self._site.store.write(
                partial(people_store.join, hash_=_hash(visit), name=name, password=password, now=now)
            )
        except UsageError as error:
            form.name.errors = [str(error).partition(": ")[2]]
            return self._site.page(visit, "join.html", 422, form=form, invitation=invitation)
        if person is None:
            return self._used_up(visit)
        self._site.log.info("joined", person=person.name, role=person.role)
        return await self._site.sign_in(person, "/start")

    async def sign_out(self, visit: Visit) -> Response:
        """End the session, here and in the store."""
        await self._site.store.write(partial(people_store.sign_out, hash_=people.hash_of(visit.token)))
        return self._site.forget("/sign-in")

    async def show_password(self, visit: Visit) -> Response:
        """Show the form for a new password."""
        return self._site.page(visit, "password.html", form=ChangePassword())

    async def change_password(self, visit: Visit) -> Response:
        """Change the password of whoever knows the present one; they are signed out elsewhere."""
        form, now = ChangePassword(visit.fields), self._site.clock()
        form.of = visit.who.name
        who, tick = network_of(visit.address), time.monotonic()
        valid = form.validate()
        if wait := self._attempts.wait_seconds(who, tick):
            return self._too_many(visit, wait)
        self._attempts.fail(who, tick)
        if valid and await self._known(visit.who.name, form.current.data or "") is None:
            form.current.errors = ["expected your password, got another"]
            valid = False
        if not valid:
            return self._site.page(visit, "password.html", 422, form=form)
        self._attempts.forget(who)
        async with self._hashing:
            password = await asyncio.to_thread(passwords.hash_password, form.password.data or "")
        keep = people.hash_of(visit.token)
        await self._site.store.write(
            partial(people_store.change_password, person=visit.who, password=password, keep=keep, now=now)
        )
        return self._site.go("/settings")

    async def _known(self, name: str, password: str) -> people.Person | None:
        found = await self._site.store.read(partial(people_store.credentials, name=name))
        async with self._hashing:
            stored = None if found is None else found[1]
            right = await asyncio.to_thread(
                passwords.matches, stored, password[: people.LONGEST_PASSWORD + 1]
            )
        return found[0] if found is not None and right else None

    async def _invitation(self, visit: Visit) -> people.Invitation | None:
        return await self._site.store.read(
            partial(people_store.invitation_of, hash_=_hash(visit), now=self._site.clock())
        )

    def _used_up(self, visit: Visit) -> Response:
        return self._site.message(
            visit,
            410,
            "This link cannot be used",
            "It was used before, or it is older than two days. Ask an owner for another one; "
            "while there is no owner, the server prints one when it starts.",
        )

    def _too_many(self, visit: Visit, wait: float) -> Response:
        seconds = math.ceil(wait)
        answer = self._site.message(visit, 429, "Too many tries", f"Wait {seconds} seconds, then try again.")
        answer.headers["retry-after"] = str(seconds)
        return answer


def _hash(visit: Visit) -> bytes:
    return people.hash_of(visit.request.path_params["token"])
