"""Sign-in, one-time links, sign-out, a new password, and where a person is signed in."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from gitdailies_core.errors import UsageError
from starlette.responses import Response

from gitdailies_dora.accounts import passwords, people, people_store
from gitdailies_dora.accounts.rate_limit import SignInLimit, network_of
from gitdailies_dora.pages.frame.forms import ChangePassword, Join, NewPassword, SignIn, field_error
from gitdailies_dora.pages.frame.request_context import Visit, local_path
from gitdailies_dora.pages.frame.site import EVERYONE, Page, Site
from gitdailies_dora.pages.settings.single_sign_on import begin_path

# Each takes 64 MiB while it runs.
_HASHES_AT_ONCE = 2


class SignInPages:
    """The pages for people who are not signed in yet, and for a person's own password."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tries = SignInLimit()
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    def pages(self) -> list[Page]:
        return [
            Page("/sign-in", self.show_sign_in, needs=EVERYONE),
            Page("/sign-in", self.sign_in, "POST", needs=EVERYONE),
            Page(f"{people.JOIN}{{token}}", self.show_join, needs=EVERYONE),
            Page(f"{people.JOIN}{{token}}", self.join, "POST", needs=EVERYONE),
            Page("/sign-out", self.sign_out, "POST", needs=EVERYONE),
            Page("/settings/password", self.show_password),
            Page("/settings/password", self.change_password, "POST"),
            Page("/settings/sessions", self.show_sessions),
            Page("/settings/sessions", self.sign_out_elsewhere, "POST"),
        ]

    async def show_sign_in(self, visit: Visit) -> Response:
        """Show the form, or how to become the first owner."""
        if visit.person is not None:
            return self._site.redirect(local_path(visit.fields.get("next", "")))
        if not self._site.ways_in.is_single and not await self._site.store.read(people_store.has_owner):
            return self._site.render(visit, "set-up.html")
        form = SignIn(data={"next": local_path(visit.fields.get("next", ""))})
        return self._form(visit, form)

    async def sign_in(self, visit: Visit) -> Response:
        """Sign a person in; an address or a name with too many failures has to wait."""
        form, now = SignIn(visit.fields), time.monotonic()
        if not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        if not form.validate():
            return self._form(visit, form, 422)
        who = network_of(visit.address), people.folded(form.name.data or "")[: people.LONGEST_NAME]
        if wait := self._tries.wait_seconds(*who, now):
            return self._site.too_many(visit, wait)
        # Recorded before the password is checked, so that many requests at once cannot avoid the limit.
        self._tries.record(*who, now)
        person = await self._find_person(form.name.data or "", form.password.data or "")
        if person is None:
            self._site.log.warning("sign-in refused", address=visit.address)
            error = "The name or the password is wrong."
            return self._form(visit, form, 401, error)
        self._tries.succeed(*who, now)
        self._site.log.info("signed in", person=person.name)
        return await self._site.sign_in(visit, person, local_path(form.next.data or ""))

    async def show_join(self, visit: Visit) -> Response:
        """Show the form behind a one-time link."""
        invitation = await self._invitation(visit)
        if not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        if invitation is None:
            return self._invalid_link(visit)
        if invitation.person_id is not None:
            return await self._new_password(visit, invitation.person_id, NewPassword())
        return self._site.render(visit, "join.html", form=Join(), invitation=invitation)

    async def join(self, visit: Visit) -> Response:
        """Add the person who was invited, or store a new password; then sign the person in."""
        invitation, form = await self._invitation(visit), Join(visit.fields)
        if not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        if invitation is None:
            return self._invalid_link(visit)
        if invitation.person_id is not None:
            return await self._reset_password(visit, invitation.person_id)
        if not form.validate():
            return self._site.render(visit, "join.html", 422, form=form, invitation=invitation)
        name = people.checked_name(form.name.data or "")
        async with self._hashing:
            password = await asyncio.to_thread(passwords.hash_password, form.password.data or "")
        try:
            given = {"hash_": _hash(visit), "name": name, "password": password}
            person = await self._site.write(people_store.join, **given)
        except UsageError as error:
            form.name.errors = [field_error(error)]
            return self._site.render(visit, "join.html", 422, form=form, invitation=invitation)
        if person is None:
            return self._invalid_link(visit)
        self._site.log.info("joined", person=person.name, role=person.role)
        return await self._site.sign_in(visit, person, "/")

    async def _new_password(
        self, visit: Visit, person_id: int, form: NewPassword, status: int = 200
    ) -> Response:
        person = await self._site.store.read(partial(people_store.find_person, id_=person_id))
        if person is None:
            return self._invalid_link(visit)
        return self._site.render(visit, "password-new.html", status, form=form, member=person)

    async def _reset_password(self, visit: Visit, person_id: int) -> Response:
        form = NewPassword(visit.fields)
        person = await self._site.store.read(partial(people_store.find_person, id_=person_id))
        form.person_name = "" if person is None else person.name
        if not form.validate():
            return await self._new_password(visit, person_id, form, 422)
        async with self._hashing:
            password = await asyncio.to_thread(passwords.hash_password, form.password.data or "")
        person = await self._site.write(people_store.reset_password, hash_=_hash(visit), password=password)
        if person is None:
            return self._invalid_link(visit)
        self._site.log.info("password reset", person=person.name)
        return await self._site.sign_in(visit, person, "/")

    async def sign_out(self, visit: Visit) -> Response:
        """End the session in the browser and in the store."""
        await self._site.store.write(partial(people_store.sign_out, hash_=people.hash_of(visit.token)))
        return self._site.delete_cookie(visit, "/sign-in")

    async def show_password(self, visit: Visit) -> Response:
        """Show the form for a new password."""
        if visit.user.provider or not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        return self._site.render(visit, "password.html", form=ChangePassword())

    async def change_password(self, visit: Visit) -> Response:
        """Change the password of a person who enters the current one, and sign them out elsewhere."""
        if visit.user.provider or not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        form = ChangePassword(visit.fields)
        form.person_name = visit.user.name
        who, tick = (network_of(visit.address), people.folded(visit.user.name)), time.monotonic()
        valid = form.validate()
        if wait := self._tries.wait_seconds(*who, tick):
            return self._site.too_many(visit, wait)
        self._tries.record(*who, tick)
        if valid and await self._find_person(visit.user.name, form.current.data or "") is None:
            form.current.errors = ["This is not your current password."]
            valid = False
        if not valid:
            return self._site.render(visit, "password.html", 422, form=form)
        self._tries.succeed(*who, tick)
        async with self._hashing:
            password = await asyncio.to_thread(passwords.hash_password, form.password.data or "")
        given = {"person": visit.user, "password": password, "keep": people.hash_of(visit.token)}
        await self._site.write(people_store.change_password, **given)
        return self._site.redirect("/settings")

    async def show_sessions(self, visit: Visit) -> Response:
        """List where a person is signed in."""
        read = partial(people_store.sessions_of, person=visit.user, now=self._site.clock())
        found, here = await self._site.store.read(read), people.hash_of(visit.token)
        return self._site.render(visit, "sessions.html", sessions=[(one, h == here) for h, one in found])

    async def sign_out_elsewhere(self, visit: Visit) -> Response:
        """End every session of a person but this one."""
        keep = people.hash_of(visit.token)
        await self._site.write(people_store.sign_out_elsewhere, person=visit.user, keep=keep)
        return self._site.redirect("/settings/sessions")

    async def _find_person(self, name: str, password: str) -> people.Person | None:
        found = await self._site.store.read(partial(people_store.find_credentials, name=name))
        async with self._hashing:
            stored = None if found is None else found[1]
            right = await asyncio.to_thread(
                passwords.matches, stored, password[: people.LONGEST_PASSWORD + 1]
            )
        return found[0] if found is not None and right else None

    async def _invitation(self, visit: Visit) -> people.Invitation | None:
        return await self._site.store.read(
            partial(people_store.find_invitation, hash_=_hash(visit), now=self._site.clock())
        )

    def _form(self, visit: Visit, form: SignIn, status: int = 200, error: str = "") -> Response:
        openid = self._site.ways_in.openid
        return self._site.render(
            visit,
            "sign-in.html",
            status,
            form=form,
            error=error,
            ways_in=self._site.ways_in,
            provider="" if openid is None else openid.name,
            begin=begin_path(local_path(form.next.data or "")),
        )

    def _no_passwords(self, visit: Visit) -> Response:
        text = "You sign in with a company account. Change its password there."
        return self._site.message(visit, 403, "You have no password here", text)

    def _invalid_link(self, visit: Visit) -> Response:
        text = (
            "It was already used, or it is older than two days. Ask an owner for a new link. "
            "While there is no owner, each start of the server prints a new link and ends the old one."
        )
        return self._site.message(visit, 410, "This link does not work", text)


def _hash(visit: Visit) -> bytes:
    return people.hash_of(visit.request.path_params["token"])
