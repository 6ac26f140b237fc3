"""What all pages share: who is signed in, what a page may be shown to, templates, headers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from gitdailies_core.errors import GitDailiesError
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gitdailies_webhooks.accounts import people, people_store
from gitdailies_webhooks.accounts.keys import without_keys
from gitdailies_webhooks.accounts.people import ABSOLUTE
from gitdailies_webhooks.events.problem import PROBLEMS, Problem, of_error
from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.pages.request_context import (
    FORM_FIELD,
    Fields,
    Visit,
    cookie_header,
    cookie_name,
    form_of,
    origin_of,
    query_of,
    refuse_foreign,
)

STATIC = Path(__file__).parent / "static"

# No script, style, font or picture from elsewhere, no form to elsewhere, no frame around us.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# The bar at the top: path, word, whether only an owner sees it.
NAVIGATION: tuple[tuple[str, str, bool], ...] = (
    ("/start", "Start", False),
    ("/dora", "DORA", False),
    ("/events", "Events", False),
    ("/settings", "Settings", False),
)

ANYBODY, SIGNED_IN, OWNERS = "anybody", "signed in", "owners"
Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


async def _never_behind() -> None:
    """Stand for figures that have nothing to catch up with."""


@dataclass(frozen=True)
class Page:
    """A path, a method, what answers it, and who may."""

    path: str
    handler: Handler
    method: str = "GET"
    needs: str = SIGNED_IN


class Site:
    """The pages of one store; *public* is the address in front of it, like https://dora.example.com.

    *figures* is how events are counted, *catch_up* counts those that just came.
    """

    def __init__(
        self,
        store: Store,
        log: Any,
        clock: Callable[[], datetime],
        public: str = "",
        figures: FigureSettings = FigureSettings(),  # noqa: B008  frozen
        catch_up: Callable[[], Awaitable[None]] = _never_behind,
    ) -> None:
        self.store = store
        self.log = log
        self.clock = clock
        self.public = public
        self.figures = figures
        self.catch_up = catch_up
        self.secure = public.startswith("https:")
        self._templates = Environment(
            loader=PackageLoader("gitdailies_webhooks.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(moment=moment, minute=minute, day=day, pretty=pretty)
        self._templates.globals.update(style=_versioned("style.css"), script=_versioned("page.js"))

    def endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a page: find out who it is, refuse what they may not, answer our errors as pages."""

        async def answer(request: Request) -> Response:
            visit = await self._visit(request)
            try:
                if page.method == "POST":
                    visit = replace(visit, fields=await form_of(request))
                    refuse_foreign(visit)
                else:
                    visit = replace(visit, fields=query_of(request))
                return await self._allowed(page, visit)
            except GitDailiesError as error:
                return self._failed(visit, page, error)

        return answer

    def page(self, visit: Visit, template: str, status: int = 200, **context: Any) -> Response:
        """Render a page for a visitor; headers and cookie are those of every page."""
        headers = {"content-security-policy": POLICY}
        if cookie_name(secure=self.secure) not in visit.request.cookies:
            headers.update(cookie_header(visit.token, secure=self.secure, seconds=None))
        text = self._templates.get_template(template).render(
            visit=visit,
            person=visit.person,
            form_field=FORM_FIELD,
            navigation=[
                (path, word, visit.path == path or visit.path.startswith(f"{path}/"))
                for path, word, owners in NAVIGATION
                if visit.owner or not owners
            ],
            **context,
        )
        return HTMLResponse(text, status, headers=headers)

    def message(self, visit: Visit, status: int, title: str, text: str) -> Response:
        """Render a page that only says something."""
        return self.page(visit, "message.html", status, title=title, text=text)

    def not_found(self, visit: Visit) -> Response:
        return self.message(visit, 404, "Not here", "There is nothing at this address.")

    async def unknown(self, request: Request) -> Response:
        """Answer for an address that no page has."""
        return self.not_found(await self._visit(request))

    def problem(self, request: Request, problem: Problem) -> Response:
        """Answer with a problem; who asks is not looked up, since that may be what went wrong."""
        return self._told(self._stranger(request), problem)

    def go(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Send a visitor to another page, to be asked for with GET."""
        return RedirectResponse(path, 303, headers={"content-security-policy": POLICY, **(headers or {})})

    async def sign_in(self, person: people.Person, path: str) -> Response:
        """Begin a session under a new token, whatever cookie the visitor came with."""
        token = people.new_token(secrets.token_urlsafe)
        now = self.clock()
        await self.store.write(
            partial(people_store.sign_in, hash_=people.hash_of(token), person=person, now=now)
        )
        seconds = int(ABSOLUTE.total_seconds())
        return self.go(path, cookie_header(token, secure=self.secure, seconds=seconds))

    def forget(self, path: str) -> Response:
        """Take a visitor's cookie away."""
        return self.go(path, cookie_header("", secure=self.secure, seconds=0))

    async def _visit(self, request: Request) -> Visit:
        visit = self._stranger(request)
        known = cookie_name(secure=self.secure) in request.cookies
        return replace(visit, person=await self._person(visit.token)) if known else visit

    def _stranger(self, request: Request) -> Visit:
        token = request.cookies.get(cookie_name(secure=self.secure), "")
        return Visit(
            request=request,
            token=token or people.new_token(secrets.token_urlsafe),
            person=None,
            origin=origin_of(request, self.public),
            fields=Fields(),
        )

    async def _person(self, token: str) -> people.Person | None:
        hash_, now = people.hash_of(token), self.clock()
        session = await self.store.read(partial(people_store.session_of, hash_=hash_, now=now))
        if session is None:
            return None
        if session.unseen(now):
            await self.store.write(partial(people_store.see, hash_=hash_, now=now))
        return session.person

    async def _allowed(self, page: Page, visit: Visit) -> Response:
        if page.needs != ANYBODY and visit.person is None:
            back = _with_query(visit) if page.method == "GET" else "/"
            return self.go(f"/sign-in?next={quote(back, safe='/')}")
        if page.needs == OWNERS and not visit.owner:
            return self.message(
                visit, 403, "For owners", "Only an owner may open this page. Ask one of them."
            )
        return await page.handler(visit)

    def _failed(self, visit: Visit, page: Page, error: GitDailiesError) -> Response:
        problem = of_error(error) if error.status_hint != 400 else Problem("request", str(error))
        if problem.word == "fault":
            raise error
        write = self.log.error if problem.status >= 500 else self.log.info
        # The route, not the path: the token of a one-time link stands in one.
        write("refused", path=page.path, problem=problem.word, status=problem.status, reason=str(error))
        return self._told(visit, problem)

    def _told(self, visit: Visit, problem: Problem) -> Response:
        title, text = PROBLEMS[problem.word][1], without_keys(problem.detail)
        response = self.message(visit, problem.status, title, text)
        response.headers.update(dict(problem.headers))
        return response


def moment(at: datetime) -> str:
    """Write a moment for people: to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def minute(at: datetime) -> str:
    """Write a moment to the minute, where a heading says that it is UTC."""
    return f"{at:%Y-%m-%d %H:%M}"


def day(at: datetime) -> str:
    """Write a moment's day."""
    return f"{at:%Y-%m-%d}"


def pretty(value: Any) -> str:
    """Write JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _with_query(visit: Visit) -> str:
    """Return where a visitor wanted to go, whole: an address that was shared leads there after signing in."""
    return f"{visit.path}?{visit.query}" if visit.query else visit.path


def _versioned(name: str) -> str:
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
