"""Settings → Your read tokens: a person's own tokens for the API, each shown once."""

from datetime import timedelta
from functools import partial

from starlette.responses import Response

from gitdailies_dora.accounts.keys import key_store
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.pages.frame.forms import Form
from gitdailies_dora.pages.frame.request_context import FormFields, Visit
from gitdailies_dora.pages.frame.site import Page, PageGroup, found_or_404

TOKENS = "/settings/tokens"
# What the form suggests.
_SUGGESTED = timedelta(days=90)
# A token that somebody forgets ends by itself.
LONGEST_DAYS = 366


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
        return await self._list(visit, Form(FormFields({"expires": f"{day}"})))

    async def create(self, visit: Visit) -> Response:
        """Create a token and show it once; this response is the only place that contains it."""
        form = Form(visit.fields)
        name = form.checked("name", "Enter a name.", keys.checked_name)
        expires_at = form.expires_at(self._site.local_now(), LONGEST_DAYS)
        given = {"name": name, "allow": [keys.READ], "expires_at": expires_at, "person_id": visit.user.id}
        if not form.wrong:
            with form.beside("name"):
                secret, token = await self._write(visit, key_store.add_key, **given)
        if form.wrong:
            return await self._list(visit, form)
        self._site.log.info("read token created", token=token.shown, person=visit.user.name)
        return self._site.render(
            visit, "token-once.html", token=token, raw=secret.reveal(), address=f"{visit.origin}/api/metrics"
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete a token of the person; every request with it is refused from the moment of the response."""
        id_, person = visit.request.path_params["id"], visit.user
        tokens = await self._site.store.read(partial(key_store.tokens_of, person_id=person.id))
        token = found_or_404(next((token for token in tokens if token.id == id_), None))
        await self._write(visit, key_store.remove_key, key=token)
        self._site.log.info("read token deleted", token=token.shown, person=person.name)
        return self._site.redirect(TOKENS)

    async def _list(self, visit: Visit, form: Form) -> Response:
        now = self._site.clock()
        tokens = await self._site.store.read(partial(key_store.tokens_of, person_id=visit.user.id))
        return self._site.render(
            visit,
            "tokens.html",
            form.status,
            form=form,
            tokens=[(token, token.is_valid(now)) for token in tokens],
            longest=LONGEST_DAYS,
        )
