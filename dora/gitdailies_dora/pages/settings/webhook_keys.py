"""Settings → API Access → Manage Incoming Webhooks: webhook keys, each shown once."""

from datetime import timedelta
from functools import partial
from typing import Any

from gitdailies_core.events.events import KINDS
from gitdailies_core.values.secret import Secret
from starlette.responses import Response

from gitdailies_dora.accounts.keys import key_store
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.key_store import reported_with
from gitdailies_dora.accounts.keys.webhook_key import Key
from gitdailies_dora.accounts.keys.wrong_requests import keys_gone_wrong, wrong_requests
from gitdailies_dora.pages.frame.forms import Form
from gitdailies_dora.pages.frame.request_context import FormFields, Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup, found_or_404, no_such_page

MANAGE = "/settings/api-access/incoming-webhooks"

# A key with the same name by the same person within this time means that the form was sent again by a
# reload of the page.
_RELOADED = timedelta(minutes=10)
# How lately a key was used that is in use, as the page says that asks to delete it.
_IN_USE = timedelta(days=1)
# How long the list of keys points at wrong requests.
RECENTLY = timedelta(days=7)

# What a key may send, and the text of each choice.
EVERY, SOME, NONE = "every", "some", "none"
_SENDS = {EVERY: "Every kind of event", SOME: "Only some kinds of event", NONE: "Nothing"}
# The other rights by their fields, with the text of each, and the fields of limits.
_MORE = {
    "reads": (keys.READ, "May read events"),
    "deletes": (keys.DELETE, "May delete events"),
    "corrects": (keys.CORRECT, "May correct how events are counted"),
}
_LIMITS = ("repos", "environments")
_WORDS = {"sends": _SENDS, "kinds": KINDS, "more": _MORE}


class SettingsPages(PageGroup):
    """The pages of settings and of webhook keys."""

    def pages(self) -> list[Page]:
        return [
            Page("/settings", self.settings),
            Page("/settings/api-access", self.api_access, needs=OWNERS),
            Page(MANAGE, self.manage, needs=OWNERS),
            Page(f"{MANAGE}/new-key", self.new_key, needs=OWNERS),
            Page(f"{MANAGE}/new-key", self.create_key, "POST", needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}", self.edit_key, needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}/replace", self.replace_key, "POST", needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}/delete", self.confirm_delete, needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}/delete", self.delete_key, "POST", needs=OWNERS),
        ]

    async def settings(self, visit: Visit) -> Response:
        """Show the settings that this person may open."""
        return self._site.render(visit, "settings.html")

    async def api_access(self, visit: Visit) -> Response:
        """Show what programs need to use this server."""
        return self._site.render(visit, "api-access.html", manage=MANAGE)

    async def manage(self, visit: Visit) -> Response:
        """Show the address for events, and the keys."""
        found = await self._site.store.read(partial(key_store.all_keys, deleted=True))
        now = self._site.clock()
        wrong = await self._site.store.read(partial(keys_gone_wrong, since=now - RECENTLY))
        return self._site.render(
            visit,
            "manage.html",
            manage=MANAGE,
            address=f"{visit.origin}/webhooks",
            live=[key for key in found if key.is_valid(now)],
            expired=[key for key in found if key.deleted_at is None and not key.is_valid(now)],
            deleted=[key for key in reversed(found) if key.deleted_at is not None][:100],
            permissions=permissions,
            wrong=wrong,
        )

    async def new_key(self, visit: Visit) -> Response:
        """Show the form."""
        return self._form(visit, Form(FormFields()))

    async def create_key(self, visit: Visit) -> Response:
        """Create a key and show it once; this response is the only place that contains it."""
        form, now = Form(visit.fields), self._site.local_now()
        name = form.checked("name", "Enter a name.", keys.checked_name)
        given = {"name": name, "expires_at": form.expires_at(now), **_chosen(form)}
        if form.wrong:
            return self._form(visit, form)
        with form.beside("name"):
            secret, key = await self._write(visit, key_store.add_key, **given)
            self._site.log.info("key created", key=key.name, person=visit.user.name)
            return self._show_once(visit, secret, key)
        found = await self._site.store.read(key_store.all_keys)
        same = next((key for key in found if key.name == name), None)
        if same and same.created_by == visit.user.name and now - same.created_at < _RELOADED:
            return self._site.redirect(f"{MANAGE}/keys/{same.id}")
        return self._form(visit, form)

    async def replace_key(self, visit: Visit) -> Response:
        """Create a key in place of another and show it once. A form that is sent again changes nothing."""
        key = await self._key(visit)
        if key is None or key.is_keyless or key.name != visit.fields.get("name"):
            return self._site.redirect(MANAGE)
        leaked = visit.fields.get("leaked") == "yes"
        secret, new, old = await self._write(visit, key_store.put_in_place, key=key, leaked=leaked)
        self._site.log.info("key replaced", key=key.name, person=visit.user.name, leaked=leaked)
        return self._show_once(visit, secret, new, old)

    async def edit_key(self, visit: Visit) -> Response:
        """Show one key and what can be done with it."""
        key = found_or_404(await self._key(visit))
        wrong = await self._site.store.read(partial(wrong_requests, key_id=key.id))
        reported = await self._site.store.ask(partial(reported_with, key=key)) if key.is_keyless else []
        return self._site.render(
            visit,
            "key.html",
            manage=MANAGE,
            key=key,
            permissions=permissions,
            expired=not key.is_valid(self._site.clock()),
            wrong=wrong,
            reported=reported,
            issuers=[one.issuer for one in self._site.configured.trusted_ci if one.name == key.name],
        )

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        key = found_or_404(await self._key(visit))
        if key.is_keyless:
            raise no_such_page()
        used = key.last_used_at
        in_use = used is not None and self._site.clock() - used < _IN_USE
        return self._site.render(visit, "key-delete.html", manage=MANAGE, key=key, in_use=in_use)

    async def delete_key(self, visit: Visit) -> Response:
        """Delete a key; every request with it is refused from the moment of the response."""
        key = await self._key(visit)
        if key is not None and not key.is_keyless:
            await self._write(visit, key_store.remove_key, key=key)
            self._site.log.info("key deleted", key=key.name, person=visit.user.name)
        return self._site.after(visit, MANAGE, "key-deleted")

    async def _key(self, visit: Visit) -> Key | None:
        # The largest number of a column in SQLite and PostgreSQL.
        id_ = min(visit.request.path_params["id"], 2**63 - 1)
        return await self._site.store.read(partial(key_store.find_key_by_id, id_=id_))

    def _form(self, visit: Visit, form: Form) -> Response:
        return self._site.render(visit, "key-new.html", form.status, manage=MANAGE, form=form, **_WORDS)

    def _show_once(self, visit: Visit, secret: Secret, key: Key, old: Key | None = None) -> Response:
        raw, address = secret.reveal(), f"{visit.origin}/webhooks"
        sends = permissions(key).startswith("send")
        return self._site.render(
            visit, "key-once.html", manage=MANAGE, key=key, old=old, raw=raw, address=address, sends=sends
        )


def _chosen(form: Form) -> dict[str, Any]:
    """Return the rights and the limits that a form chooses."""
    sends, kinds = form.text("sends") or EVERY, form.given.getlist("kinds")
    more = [word for field, (word, _) in _MORE.items() if form.text(field)]
    if sends == SOME and not kinds:
        form.wrong["kinds"] = "Choose at least one kind."
    if sends not in _SENDS or (sends == NONE and not more):
        form.wrong["sends"] = "Choose at least one permission."
    allow, limits = [*{EVERY: [keys.SEND], SOME: kinds}.get(sends, []), *more], keys.NO_LIMITS
    with form.beside("kinds"):
        keys.checked_rights(allow)
    with form.beside("repos"):
        listed = ([name for name in form.text(field).split(",") if name.strip()] for field in _LIMITS)
        limits = keys.checked_limits(keys.Limits.make(*listed), allow)
    return {"allow": allow, "limits": limits}


def permissions(key: Key) -> str:
    """Return the permissions of a key and its limits, for people."""
    titles = [kind.title for kind in KINDS if kind.word in key.allow and keys.SEND not in key.allow]
    parts = ["send everything"] if keys.SEND in key.allow else [f"send {', '.join(titles)}"] * bool(titles)
    parts += [word for word in (keys.READ, keys.DELETE, keys.CORRECT) if word in key.allow]
    return "; ".join([*parts, *(f"only for {', '.join(names)}" for names in key.limits if names)])
