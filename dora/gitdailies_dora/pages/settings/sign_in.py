"""Sign-in, one-time links, sign-out, a new password, and where a person is signed in."""

import asyncio
import time
from functools import partial

from starlette.responses import Response

from gitdailies_dora.accounts import passwords, people, people_store
from gitdailies_dora.accounts.rate_limit import SignInLimit, network_of
from gitdailies_dora.pages.frame.forms import Form
from gitdailies_dora.pages.frame.request_context import FormFields, Visit, cookie_header, local_path
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
            Page(f"{people.JOIN}{{token}}", self.link, needs=EVERYONE),
            Page(f"{people.JOIN}{{token}}", self.link, "POST", needs=EVERYONE),
            Page("/sign-out", self.sign_out, "POST", needs=EVERYONE),
            Page("/settings/password", self.password),
            Page("/settings/password", self.password, "POST"),
            Page("/settings/sessions", self.show_sessions),
            Page("/settings/sessions", self.sign_out_elsewhere, "POST"),
        ]

    async def show_sign_in(self, visit: Visit) -> Response:
        """Show the form, or how to become the first owner."""
        if visit.person is not None:
            return self._site.redirect(local_path(visit.fields.get("next", "")))
        if not self._site.ways_in.is_single and not await self._site.store.read(people_store.has_owner):
            return self._site.render(visit, "set-up.html")
        return self._form(visit, Form(FormFields({"next": local_path(visit.fields.get("next", ""))})))

    async def sign_in(self, visit: Visit) -> Response:
        """Sign a person in; an address or a name with too many failures has to wait."""
        form, now = Form(visit.fields), time.monotonic()
        if not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        name = form.checked("name", "Enter a name.")
        password = form.checked("password", "Enter a password.")
        if form.wrong:
            return self._form(visit, form)
        who = network_of(visit.address), people.folded(name)[: people.LONGEST_NAME]
        if wait := self._tries.wait_seconds(*who, now):
            return self._site.too_many(visit, wait)
        # Recorded before the password is checked, so that many requests at once cannot avoid the limit.
        self._tries.record(*who, now)
        person = await self._find_person(name, password)
        if person is None:
            self._site.log.warning("sign-in refused", address=visit.address)
            return self._form(visit, form, "The name or the password is wrong.")
        self._tries.succeed(*who, now)
        self._site.log.info("signed in", person=person.name)
        return await self._site.sign_in(visit, person, local_path(form.text("next")))

    async def link(self, visit: Visit) -> Response:
        """Show the form behind a one-time link, to join or to choose a new password.

        Sent, it adds or changes the person, who is signed in then.
        """
        read, hash_ = self._site.store.read, people.hash_of(visit.request.path_params["token"])
        find = partial(people_store.find_invitation, hash_=hash_, now=self._site.clock())
        invitation, member, form = await read(find), None, Form(visit.fields)
        if not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        if invitation is not None and invitation.person_id is not None:
            member = await read(partial(people_store.find_person, id_=invitation.person_id))
        if invitation is None or (invitation.person_id is not None and member is None):
            return self._invalid_link(visit)
        is_sent, name = visit.request.method == "POST", "" if member is None else member.name
        if is_sent:
            name = name or form.checked("name", "Enter a name.", people.checked_name).strip()
            password = form.new_password(name)
        if is_sent and not form.wrong:
            given = {"hash_": hash_, "password": await self._hashed(password)}
            with form.beside("name"):
                if member is None:
                    person = await self._site.write(people_store.join, name=name, **given)
                else:
                    person = await self._site.write(people_store.reset_password, **given)
                if person is None:
                    return self._invalid_link(visit)
                said = "joined" if member is None else "password reset"
                self._site.log.info(said, person=person.name, role=person.role)
                return await self._site.sign_in(visit, person, "/")
        template = "password-new.html" if member else "join.html"
        shown = {"form": form, "invitation": invitation, "member": member}
        return self._site.render(visit, template, form.status, **shown)

    async def sign_out(self, visit: Visit) -> Response:
        """End the session in the browser and in the store."""
        await self._site.store.write(partial(people_store.sign_out, hash_=people.hash_of(visit.token)))
        return self._site.redirect("/sign-in", cookie_header("", secure=visit.secure, seconds=0))

    async def password(self, visit: Visit) -> Response:
        """Show the form for a new password. Sent with the current one, it signs the person out elsewhere."""
        if visit.user.provider or not self._site.ways_in.passwords:
            return self._no_passwords(visit)
        form = Form(visit.fields)
        if visit.request.method != "POST":
            return self._site.render(visit, "password.html", form=form)
        who, tick = (network_of(visit.address), people.folded(visit.user.name)), time.monotonic()
        current = form.checked("current", "Enter your current password.")
        password = form.new_password(visit.user.name)
        if wait := self._tries.wait_seconds(*who, tick):
            return self._site.too_many(visit, wait)
        self._tries.record(*who, tick)
        if not form.wrong and await self._find_person(visit.user.name, current) is None:
            form.wrong["current"] = "This is not your current password."
        if form.wrong:
            return self._site.render(visit, "password.html", form.status, form=form)
        self._tries.succeed(*who, tick)
        given = {"password": await self._hashed(password), "keep": people.hash_of(visit.token)}
        await self._site.write(people_store.change_password, person=visit.user, **given)
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

    async def _hashed(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(passwords.hash_password, password)

    def _form(self, visit: Visit, form: Form, error: str = "") -> Response:
        openid = self._site.ways_in.openid
        return self._site.render(
            visit,
            "sign-in.html",
            401 if error else form.status,
            form=form,
            error=error,
            ways_in=self._site.ways_in,
            provider="" if openid is None else openid.name,
            begin=begin_path(local_path(form.text("next"))),
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
