"""The pages of people, of the audit trail, and of the settings that make the figures."""

import asyncio
import shlex
from collections import Counter
from functools import partial

from gitdailies_connection.config.document.errors import setting_name
from gitdailies_core.errors import UsageError
from gitdailies_core.values.erased_text import MARK, ErasedText
from gitdailies_server.storage.erasing import Erased, Erasure
from starlette.responses import Response

from gitdailies_dora import erasing
from gitdailies_dora.accounts import audit, people, people_store
from gitdailies_dora.accounts.people import Person
from gitdailies_dora.accounts.single_sign_on import identities
from gitdailies_dora.pages.frame.formatting import amount
from gitdailies_dora.pages.frame.forms import Form
from gitdailies_dora.pages.frame.phrases import setting
from gitdailies_dora.pages.frame.request_context import FormFields, Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup, found_or_404, no_such_page

PEOPLE, AUDIT = "/settings/people", "/settings/audit"
_LINES = 100

# The actions of the audit trail, as the page shows them.
ACTIONS = {
    "key.created": "created the webhook key",
    "key.deleted": "deleted the webhook key",
    "key.replaced": "replaced the webhook key",
    "event.deleted": "deleted the event",
    "correction.made": "corrected the event",
    "correction.undone": "undid the correction of the event",
    "review.decided": "decided a line of the review",
    "review.reopened": "opened a line of the review again",
    "incidents.moved": "moved the incidents of",
    "incidents.moved-back": "moved back the incidents of",
    "events.expired": "deleted expired events",
    "events.erased": "erased stored text",
    "person.invited": "invited a person with the role",
    "person.joined": "joined as",
    "person.removed": "removed",
    "person.let-in": "let in again",
    "password.changed": "changed the password of",
    "password.offered": "created a link for a new password for",
    "password.reset": "chose a new password with a link, as",
    "role.changed": "changed the role of",
    "delivery.replay": "replayed the delivery",
    "delivery.requeue": "requeued the delivery",
    "delivery.discard": "discarded the delivery",
    "delivery.close": "closed by hand the incident of the delivery",
    "delivery.pause": "paused the delivery of",
    "delivery.resume": "resumed the delivery of",
    "settings.changed": "changed the setting",
    "service.mapped": "wrote a line for the service",
    "example.sent": "sent an example of",
    "token.created": "created the read token",
    "token.deleted": "deleted the read token",
    "screen.created": "created the link of",
    "screen.removed": "removed the link of",
    "sessions.ended": "signed out everywhere else, as",
}


class PeoplePages(PageGroup):
    """The pages of people, invitations, the audit trail, and the settings that make the figures."""

    def pages(self) -> list[Page]:
        return [
            Page(PEOPLE, self.show, needs=OWNERS),
            Page(PEOPLE, self.invite, "POST", needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}", self.edit, needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/role", self.change_role, "POST", needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/password", self.offer_new_password, "POST", needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/remove", self.confirm_remove, needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/remove", self.remove, "POST", needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/erase", self.confirm_erase, needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/erase", self.erase, "POST", needs=OWNERS),
            Page(f"{PEOPLE}/{{id:int}}/let-in", self.let_in, "POST", needs=OWNERS),
            Page("/settings/figures", self.in_force),
            Page(AUDIT, self.trail, needs=OWNERS),
        ]

    async def show(self, visit: Visit, form: Form | None = None) -> Response:
        """List the people who may sign in, with the form that invites, and who was just removed."""
        form, given = form or Form(FormFields()), visit.fields.get("removed", "")
        known = await self._anyone(int(given)) if given.isdecimal() and len(given) < 18 else None
        found = await self._site.store.read(people_store.all_people)
        owners = sum(person.is_owner for person in found)
        return self._site.render(
            visit,
            "people.html",
            form.status,
            form=form,
            people=found,
            owners=owners,
            removed=known[0] if known and not known[1] else None,
            barred=await self._site.store.read(identities.barred),
            passwords=self._site.ways_in.passwords,
            single=self._site.ways_in.is_single,
        )

    async def invite(self, visit: Visit) -> Response:
        """Create a one-time link and show it once."""
        if not self._site.ways_in.passwords:
            raise no_such_page()
        form, (token, hash_) = Form(visit.fields), people_store.new_token()
        with form.beside("role"):
            role = people.checked_role(form.text("role"))
            await self._write(visit, people_store.invite, hash_=hash_, role=role, by=visit.user)
        if form.wrong:
            return await self.show(visit, form)
        link = f"{visit.origin}{people.JOIN}{token}"
        return self._site.render(visit, "invited.html", link=link, role=role)

    async def edit(self, visit: Visit) -> Response:
        """Show a person, with the forms for another role and a new password."""
        person = await self._person_here(visit)
        return self._member(visit, person, Form(FormFields({"role": person.role})))

    async def change_role(self, visit: Visit) -> Response:
        """Change what a person may do, from their next request on."""
        person, form = await self._person_here(visit), Form(visit.fields)
        with form.beside("role"):
            role = people.checked_role(form.text("role"))
            await self._write(visit, people_store.change_role, id_=person.id, role=role)
        if form.wrong:
            return self._member(visit, person, form)
        self._site.log.info("role changed", person=person.name, role=role, by=visit.user.name)
        # An owner who has another role now may not open the list of people.
        return self._site.redirect(
            PEOPLE if role == people.OWNER or person.id != visit.user.id else "/settings"
        )

    async def offer_new_password(self, visit: Visit) -> Response:
        """Create a one-time link with which a person chooses a new password, and show it once."""
        person = await self._person_here(visit)
        token, hash_ = people_store.new_token()
        await self._site.write(people_store.offer_new_password, hash_=hash_, person=person, by=visit.user)
        link = f"{visit.origin}{people.JOIN}{token}"
        return self._site.render(visit, "password-link.html", link=link, member=person)

    async def confirm_remove(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        return self._site.render(visit, "person-remove.html", member=found_or_404(await self._person(visit)))

    async def remove(self, visit: Visit) -> Response:
        """Take a person's access away and end their sessions."""
        person = await self._person(visit)
        if person is not None:
            await self._write(visit, people_store.remove, id_=person.id)
            self._site.log.info("person removed", person=person.name, by=visit.user.name)
        return self._site.redirect(PEOPLE if person is None else f"{PEOPLE}?removed={person.id}")

    async def confirm_erase(self, visit: Visit) -> Response:
        """Show where the name of a person is, and ask for confirmation."""
        person, may_sign_in, text = found_or_404(await self._named(visit))
        planned = await self._erase(text, actor="", dry=True)
        if may_sign_in:  # the account is removed first
            planned.counts["account"] += 1
            planned.left["accounts"] -= 1
        return self._site.render(
            visit,
            "person-erase.html",
            member=person,
            may_sign_in=may_sign_in,
            counts=_counted(planned.counts),
            planned=planned,
            has_relay=bool(self._site.relays.names),
            command=f"gitdailies erase --person {shlex.quote(person.name)}",
        )

    async def erase(self, visit: Visit) -> Response:
        """Take a person's access away if they have it, then erase their name from this server's store."""
        found = await self._named(visit)
        if found is None:
            return self._site.redirect(PEOPLE)
        person, may_sign_in, text = found
        if may_sign_in:
            await self._write(visit, people_store.remove, id_=person.id)
        # Who erases their own name does not leave it in the line that says so.
        actor = text.out_of(visit.user.name)
        done = await self._erase(text, actor=actor, dry=False)
        fault = await asyncio.to_thread(self._site.store.database.scrub)
        self._site.log.info("person removed, and their name erased", by=actor, fault=fault)
        said = " ".join(filter(None, [f"The name was in {_counted(done.counts)}.", fault and f"{fault}."]))
        return self._site.message(visit, 200, "The person is removed, and the name erased", said)

    async def _named(self, visit: Visit) -> tuple[Person, bool, ErasedText] | None:
        """Return a person, whether they may sign in, and their name; raises UsageError if it is too short."""
        found = await self._anyone(visit.request.path_params["id"])
        if found is None or MARK in found[0].name:
            return None
        try:
            return *found, ErasedText.make(found[0].name)
        except ValueError as error:
            raise UsageError(f"name: {error}; a shorter one is in nearly every text") from None

    async def _erase(self, text: ErasedText, *, actor: str, dry: bool) -> Erased:
        """Erase a name as `gitdailies erase --person` does, or, with *dry*, count."""
        work = partial(erasing.erase, self._site.store.database, Erasure(text=text), actor=actor, dry=dry)
        return await asyncio.to_thread(work)

    async def let_in(self, visit: Visit) -> Response:
        """Allow the account of a removed person to sign in again."""
        id_ = min(visit.request.path_params["id"], 2**63 - 1)
        await self._write(visit, identities.let_in, person_id=id_)
        return self._site.redirect(PEOPLE)

    async def trail(self, visit: Visit) -> Response:
        """Show the audit trail, newest first."""
        given = visit.fields.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
        lines = await self._site.store.read(partial(audit.read_audit, before=before, limit=_LINES + 1))
        more = lines[_LINES - 1].seq if len(lines) > _LINES else None
        return self._site.render(visit, "audit.html", lines=lines[:_LINES], more=more, actions=ACTIONS)

    async def in_force(self, visit: Visit) -> Response:
        """Show the settings that make the figures, where each is set, and when they changed."""
        configured = self._site.configured
        settings = [
            (setting_name(place), value, configured.where.get(place, ""))
            for place, value in configured.in_force.items()
            if place[0] != "teams"
        ]
        teams = [(team, configured.where.get(("teams", team.key), "")) for team in configured.teams]
        changes = await self._site.store.read(audit.setting_changes)
        return self._site.render(
            visit, "figure-settings.html", settings=settings, teams=teams, changes=changes, plain=setting
        )

    def _member(self, visit: Visit, person: Person, form: Form) -> Response:
        return self._site.render(visit, "person.html", form.status, member=person, form=form)

    async def _person_here(self, visit: Visit) -> Person:
        """Return a person whose role and password are kept here; raises Refusal for one of a provider."""
        person = await self._person(visit)
        return found_or_404(None if person is None or person.provider else person)

    async def _anyone(self, id_: int) -> tuple[Person, bool] | None:
        return await self._site.store.read(partial(people_store.find_anyone, id_=min(id_, 2**63 - 1)))

    async def _person(self, visit: Visit) -> Person | None:
        id_ = min(visit.request.path_params["id"], 2**63 - 1)
        return await self._site.store.read(partial(people_store.find_person, id_=id_))


def _counted(counts: Counter[str]) -> str:
    """Write how many there are of each kind."""
    return ", ".join(amount(number, kind, f"{kind}s") for kind, number in sorted(counts.items()) if number)
