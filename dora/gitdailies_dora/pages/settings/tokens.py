"""Settings → Your read tokens: a person's own tokens for the API, each shown once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gitdailies_core.errors import UsageError
from starlette.responses import Response

from gitdailies_dora.accounts.keys import key_store
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.key_store import KeyRequest
from gitdailies_dora.pages.frame.forms import LONGEST_TOKEN_DAYS, NewToken, field_error
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import Page, PageGroup, here

TOKENS = "/settings/tokens"
# What the form suggests.
_SUGGESTED = timedelta(days=90)


class TokenPages(PageGroup):
    """The pages of a person's own read tokens."""

    def pages(self) -> list[Page]:
        return [
            Page(TOKENS, self.show),
            Page(TOKENS, self.create, "POST"),
            Page(f"{TOKENS}/{{id:int}}/delete", self.delete, "POST"),
        ]

    async def show(self, visit: Visit) -> Response:
        """List the tokens of the person, with the form for a new one."""
        day = (self._site.local_now() + _SUGGESTED).date()
        return await self._list(visit, NewToken(data={"expires": day}))

    async def create(self, visit: Visit) -> Response:
        """Create a token and show it once; this response is the only place that contains it."""
        form, now = NewToken(visit.fields), self._site.local_now()
        form.now = now
        if not form.validate():
            return await self._list(visit, form, 422)
        request = KeyRequest.make(form.name.data or "", [keys.READ], form.expires_at, now=now)
        try:
            secret, token = await self._write(
                visit, key_store.add_key, request=request, person_id=visit.user.id
            )
        except UsageError as error:
            form.name.errors = [field_error(error)]
            return await self._list(visit, form, 422)
        self._site.log.info("read token created", token=token.shown, person=visit.user.name)
        return self._site.render(
            visit, "token-once.html", token=token, raw=secret.reveal(), address=f"{visit.origin}/api/metrics"
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete a token of the person; every request with it is refused from the moment of the response."""
        id_, person = visit.request.path_params["id"], visit.user
        tokens = await self._site.store.read(partial(key_store.tokens_of, person_id=person.id))
        token = here(next((token for token in tokens if token.id == id_), None))
        await self._write(visit, key_store.remove_key, key=token)
        self._site.log.info("read token deleted", token=token.shown, person=person.name)
        return self._site.redirect(TOKENS)

    async def _list(self, visit: Visit, form: NewToken, status: int = 200) -> Response:
        now = self._site.clock()
        tokens = await self._site.store.read(partial(key_store.tokens_of, person_id=visit.user.id))
        return self._site.render(
            visit,
            "tokens.html",
            status,
            form=form,
            tokens=[(token, token.is_valid(now)) for token in tokens],
            longest=LONGEST_TOKEN_DAYS,
        )
