"""Settings → API Access → Manage Incoming Webhooks: webhook keys, each shown once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import KINDS
from starlette.responses import Response

from gitdailies_webhooks.accounts import key_store, keys
from gitdailies_webhooks.accounts.key_store import KeyRequest
from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.pages.forms import EVERY, NONE, SOME, NewKey
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.site import OWNERS, Page, Site

MANAGE = "/settings/api-access/incoming-webhooks"

# Within this time a key of the same name by the same person is the same form, sent again by a reload.
_RELOADED = timedelta(minutes=10)


class Settings:
    """The pages of settings and of keys."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [
            Page("/settings", self.settings),
            Page("/settings/api-access", self.api_access, needs=OWNERS),
            Page(MANAGE, self.manage, needs=OWNERS),
            Page(f"{MANAGE}/new-key", self.new_key, needs=OWNERS),
            Page(f"{MANAGE}/new-key", self.create_key, "POST", needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}", self.edit_key, needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}/delete", self.confirm_delete, needs=OWNERS),
            Page(f"{MANAGE}/keys/{{id:int}}/delete", self.delete_key, "POST", needs=OWNERS),
        ]

    async def settings(self, visit: Visit) -> Response:
        """Show what can be set."""
        return self._site.page(visit, "settings.html")

    async def api_access(self, visit: Visit) -> Response:
        """Show how programs get in."""
        return self._site.page(visit, "api-access.html", manage=MANAGE)

    async def manage(self, visit: Visit) -> Response:
        """Show where events are sent to, and the keys."""
        found = await self._site.store.read(partial(key_store.all_keys, deleted=True))
        now = self._site.clock()
        return self._site.page(
            visit,
            "manage.html",
            manage=MANAGE,
            address=f"{visit.origin}/webhooks",
            live=[key for key in found if key.live(now)],
            expired=[key for key in found if key.deleted_at is None and not key.live(now)],
            deleted=[key for key in reversed(found) if key.deleted_at is not None][:100],
            said=said,
        )

    async def new_key(self, visit: Visit) -> Response:
        """Show the form, for a key like another one where it is to follow that one."""
        form = NewKey()
        like = visit.fields.get("like", "")
        if like.isascii() and like.isdigit() and len(like) < 10:
            before = await self._site.store.read(partial(key_store.key_of, id_=int(like)))
            if before is not None:
                form = NewKey(data=_successor(before))
        return self._form(visit, form)

    async def create_key(self, visit: Visit) -> Response:
        """Make a key and show it, this once: the answer is the only place where it stands."""
        form, now = NewKey(visit.fields), self._site.clock()
        form.now = now
        if not form.validate():
            return self._form(visit, form, 422)
        request = KeyRequest.make(form.name.data or "", form.allow, form.expires_at, now=now)
        try:
            secret, key = await self._site.store.write(
                partial(key_store.add_key, request=request, actor=visit.who.name, now=now)
            )
        except UsageError as error:
            live = await self._site.store.read(key_store.all_keys)
            again = next((key for key in live if key.name == request.name), None)
            if again and again.created_by == visit.who.name and now - again.created_at < _RELOADED:
                return self._site.go(f"{MANAGE}/keys/{again.id}")
            form.name.errors = [str(error).partition(": ")[2]]
            return self._form(visit, form, 422)
        self._site.log.info("key created", key=key.name, person=visit.who.name)
        return self._site.page(
            visit,
            "key-once.html",
            manage=MANAGE,
            key=key,
            raw=secret.reveal(),
            address=f"{visit.origin}/webhooks",
        )

    async def edit_key(self, visit: Visit) -> Response:
        """Show one key, with what can be done to it."""
        key = await self._key(visit)
        if key is None:
            return self._site.not_found(visit)
        expired = not key.live(self._site.clock())
        return self._site.page(visit, "key.html", manage=MANAGE, key=key, said=said, expired=expired)

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask whether it is meant."""
        key = await self._key(visit)
        if key is None:
            return self._site.not_found(visit)
        return self._site.page(visit, "key-delete.html", manage=MANAGE, key=key)

    async def delete_key(self, visit: Visit) -> Response:
        """Delete a key; from the moment of the answer every request with it is refused."""
        key = await self._key(visit)
        if key is not None:
            now = self._site.clock()
            await self._site.store.write(
                partial(key_store.remove_key, key=key, actor=visit.who.name, now=now)
            )
            self._site.log.info("key deleted", key=key.name, person=visit.who.name)
        return self._site.go(MANAGE)

    async def _key(self, visit: Visit) -> Key | None:
        # SQLite and PostgreSQL count no further.
        id_ = min(visit.request.path_params["id"], 2**63 - 1)
        return await self._site.store.read(partial(key_store.key_of, id_=id_))

    def _form(self, visit: Visit, form: NewKey, status: int = 200) -> Response:
        return self._site.page(visit, "key-new.html", status, manage=MANAGE, form=form)


def said(key: Key) -> str:
    """Say for people what a key may do."""
    titles = {kind.word: kind.title for kind in KINDS}
    words = {keys.SEND: "send everything", keys.READ: "read", keys.DELETE: "delete"}
    sends = [titles[word] for word in titles if word in key.allow]
    parts = [f"send {', '.join(sends)}"] if sends and keys.SEND not in key.allow else []
    return "; ".join(
        [*([words[keys.SEND]] if keys.SEND in key.allow else parts)]
        + [words[word] for word in (keys.READ, keys.DELETE) if word in key.allow]
    )


def _successor(key: Key) -> dict[str, object]:
    kinds = sorted(key.allow - {keys.SEND, keys.READ, keys.DELETE})
    return {
        "name": f"{key.name}-2"[-100:],
        "sends": EVERY if keys.SEND in key.allow else SOME if kinds else NONE,
        "kinds": kinds,
        "reads": keys.READ in key.allow,
        "deletes": keys.DELETE in key.allow,
    }
