"""Settings → Screens: links with which a screen on a wall shows figures, each shown once."""

from datetime import timedelta

from gitdailies_core.errors import UsageError
from starlette.responses import Response

from gitdailies_dora.accounts import people_store, screen_store
from gitdailies_dora.accounts.keys.webhook_key import checked_name
from gitdailies_dora.accounts.screens import LINK_IS_OVER, LONGEST_DAYS, SHARED_REVIEW, WALL, Screen
from gitdailies_dora.pages.frame.forms import Form
from gitdailies_dora.pages.frame.request_context import FormFields, Visit, cookie_header
from gitdailies_dora.pages.frame.site import EVERYONE, OWNERS, Page, PageGroup, found_or_404
from gitdailies_dora.pages.frame.visitors import SCREEN

SCREENS = "/settings/screens"
_SUGGESTED = timedelta(days=365)
_FIGURES = "/dora?view=wall"


class ScreenPages(PageGroup):
    """The pages of links for screens, and the page that such a link opens."""

    def pages(self) -> list[Page]:
        return [
            Page(SCREENS, self.show, needs=OWNERS),
            Page(SCREENS, self.create, "POST", needs=OWNERS),
            Page(f"{SCREENS}/{{id:int}}/remove", self.confirm_remove, needs=OWNERS),
            Page(f"{SCREENS}/{{id:int}}/remove", self.remove, "POST", needs=OWNERS),
            Page(f"{WALL}{{token}}", self.open, needs=EVERYONE),
        ]

    async def show(self, visit: Visit) -> Response:
        """List the links, with the form for a new one."""
        day = (self._site.local_now() + _SUGGESTED).date()
        return await self._list(visit, Form(FormFields({"expires": f"{day}"})))

    async def create(self, visit: Visit) -> Response:
        """Create a link and show it once; this response is the only place that contains it."""
        form = Form(visit.fields)
        name = form.checked("name", "Enter a name.", checked_name)
        expires_at = form.expires_at(self._site.local_now(), LONGEST_DAYS)
        if form.wrong or expires_at is None:
            return await self._list(visit, form)
        token, hash_ = people_store.new_token()
        with form.beside("name"):
            if name.startswith(SHARED_REVIEW):
                raise UsageError("name: it is the address of a review; choose another name")
            await self._write(visit, screen_store.add, hash_=hash_, name=name, expires_at=expires_at)
        if form.wrong:
            return await self._list(visit, form)
        self._site.log.info("screen created", screen=name, person=visit.user.name)
        return self._site.render(
            visit, "screen-once.html", name=name, link=f"{visit.origin}{WALL}{token}", until=expires_at
        )

    async def confirm_remove(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        return self._site.render(visit, "screen-remove.html", screen=found_or_404(await self._screen(visit)))

    async def remove(self, visit: Visit) -> Response:
        """Remove a link; its screen shows nothing new from the moment of the response."""
        screen = await self._screen(visit)
        if screen is not None:
            await self._write(visit, screen_store.remove, screen=screen)
            self._site.log.info("screen removed", screen=screen.name, person=visit.user.name)
        return self._site.after(visit, SCREENS, "link-removed")

    async def open(self, visit: Visit) -> Response:
        """Keep the token of a link in a cookie, and lead to the figures without it in the address."""
        token, now = visit.request.path_params["token"], self._site.clock()
        screen = await self._site.visitors.screen(token)
        if screen is None or screen.review:
            return self._site.message(visit, 410, *LINK_IS_OVER)
        seconds = int((screen.expires_at - now).total_seconds())
        cookie = cookie_header(token, secure=visit.secure, seconds=seconds, suffix=SCREEN)
        return self._site.redirect(_FIGURES, cookie)

    async def _screen(self, visit: Visit) -> Screen | None:
        id_ = visit.request.path_params["id"]
        found = await self._site.store.read(screen_store.all_screens)
        return next((screen for screen in found if screen.id == id_), None)

    async def _list(self, visit: Visit, form: Form) -> Response:
        now, screens = self._site.clock(), await self._site.store.read(screen_store.all_screens)
        return self._site.render(
            visit,
            "screens.html",
            form.status,
            form=form,
            screens=[(screen, screen.is_valid(now)) for screen in screens],
            longest=LONGEST_DAYS,
        )
