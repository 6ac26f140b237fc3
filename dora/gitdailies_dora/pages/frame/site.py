"""What all pages share: the signed-in person, the right to open a page, templates, headers."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from gitdailies_connection.addresses import is_loopback
from gitdailies_connection.published import release
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gitdailies_dora.accounts import people, people_store
from gitdailies_dora.accounts.keys.webhook_key import without_keys
from gitdailies_dora.accounts.people import ABSOLUTE
from gitdailies_dora.derived.read.figures.known_names import Filters, of_filters
from gitdailies_dora.events.problem import PROBLEMS, Problem, Refusal, of_error, refusal
from gitdailies_dora.operations.installation import Installation
from gitdailies_dora.pages.frame import request_context
from gitdailies_dora.pages.frame.documentation import link
from gitdailies_dora.pages.frame.event_links import opened_markup
from gitdailies_dora.pages.frame.formatting import amount, duration, kept_whole, visible, zone_name
from gitdailies_dora.pages.frame.forms import last_day, role_words, sentence
from gitdailies_dora.pages.frame.phrases import lacking
from gitdailies_dora.pages.frame.visitors import SCREEN, Visitors

STATIC = Path(__file__).parents[1] / "static"
# A folder for each room of pages. A name is in one of them only.
TEMPLATES = Path(__file__).parents[1] / "templates"

# No script, style, font or picture from elsewhere, no form to elsewhere, no frame around our pages.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# The bar at the top: path, text, whether only owners see it.
NAVIGATION: tuple[tuple[str, str, bool], ...] = (
    ("/dora", "Overview", False),
    ("/review", "Review", False),
    ("/events", "Events", False),
    ("/deliveries", "Deliveries", False),
    ("/settings", "Settings", False),
    ("/connect", "Connect", True),
)

# Pages that belong to one of the bar, and whose path does not begin with its path.
BELOW: Mapping[str, tuple[str, ...]] = {"/events": ("/deploys", "/incidents"), "/settings": ("/docs",)}

# The script of a page that renews itself sends this header. A session ends although such a page is open.
RENEWAL = "x-renewal"

# What a form did, as the next page says once; a cookie has the word.
SAID: Mapping[str, str] = {
    "undone": "The correction is undone. The figures follow.",
    "moved-back": "The move is undone. Its incidents count for the former repository again.",
    "key-deleted": "The key was deleted. Every request with it is refused.",
    "link-removed": "The link was removed. It no longer works.",
}
_SAID = "-said"

EVERYONE, SIGNED_IN, MEMBERS, OWNERS = "everyone", "signed in", "members", "owners"
# Figures, which a screen with a link may show as well.
FIGURES = "signed in, or a screen"
Value = TypeVar("Value")
Handler: TypeAlias = Callable[[request_context.Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """A path, a method, their handler, and who may open it."""

    path: str
    handler: Handler
    method: str = "GET"
    needs: str = SIGNED_IN


def no_such_page() -> Refusal:
    """Return the error to raise for an address that names nothing here."""
    return refusal("not-found", "This address does not exist.")


def found_or_404(found: Value | None) -> Value:
    """Return what an address names; raises Refusal for None."""
    if found is None:
        raise no_such_page()
    return found


class Site:
    """The pages of one server; `catch_up` brings the figures up to date, `current` asks when they are."""

    def __init__(self, here: Installation) -> None:
        self.store, self.log, self.clock, self.public = here.store, here.log, here.clock, here.public
        self.settings, self.teams = here.figures, here.teams
        self.catch_up, self.current = here.deriver.catch_up, here.deriver.current
        self.unknown_keys = here.unknown_keys
        self.configured = here.settings
        self.ways_in = here.settings.sign_in
        self.correct_needs = OWNERS if here.settings.corrections == "owners" else MEMBERS
        self.relays = here.relays
        self.secure = here.public.startswith("https:")
        self.visitors = Visitors(here.store, here.clock, self.ways_in)
        self._role_words = role_words(members_correct=self.correct_needs != OWNERS)

    def local_now(self) -> datetime:
        """Return the present moment, in the configured time zone."""
        return self.clock().astimezone(self.settings.zone)

    def endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a page: identify the visitor, refuse what they may not do, show our errors as pages."""

        async def respond(request: Request) -> Response:
            visit = await self._visit(request)
            try:
                if page.method == "POST":
                    visit = replace(visit, fields=await request_context.form_of(request))
                    request_context.refuse_cross_site(visit, self.public)
                else:
                    visit = replace(visit, fields=request_context.query_of(request))
                return await self._allowed(page, visit)
            except GitDailiesError as error:
                return self._error_page(visit, page, error)

        return respond

    def render(
        self, visit: request_context.Visit, template: str, status: int = 200, **context: Any
    ) -> Response:
        """Render a page for a visitor, with the headers and the cookie of every page."""
        headers = {"content-security-policy": POLICY}
        if request_context.cookie_name(secure=visit.secure) not in visit.request.cookies:
            headers.update(request_context.cookie_header(visit.token, secure=visit.secure, seconds=None))
        said = visit.request.cookies.get(request_context.cookie_name(secure=visit.secure, suffix=_SAID), "")
        if visit.person and said:
            headers.update(request_context.cookie_header("", secure=visit.secure, seconds=0, suffix=_SAID))
        text = (
            _templates()
            .get_template(template)
            .render(
                visit=visit,
                person=visit.person,
                role_words=self._role_words,
                just_done=SAID.get(said, ""),
                form_field=request_context.FORM_FIELD,
                timezone=self.settings.zone,
                store_fault=self.store.writer.fault if visit.person else "",
                navigation=[
                    (
                        path,
                        word,
                        any(f"{visit.path}/".startswith(f"{one}/") for one in (path, *BELOW.get(path, ()))),
                    )
                    for path, word, owners in NAVIGATION
                    if visit.is_owner or not owners
                ],
                deciders=self.correct_needs,
                **{"may_correct": self.may_correct(visit), **context},
            )
        )
        return HTMLResponse(text, status, headers=headers)

    def may_correct(self, visit: request_context.Visit) -> bool:
        """Whether a visitor may correct what events count for."""
        return visit.person is not None and _may(visit.person, self.correct_needs)

    def message(self, visit: request_context.Visit, status: int, title: str, text: str) -> Response:
        """Render a page with a title and a text."""
        return self.render(visit, "message.html", status, title=title, text=text)

    def too_many(self, visit: request_context.Visit, wait: float) -> Response:
        """Ask a visitor to wait; *wait* is in seconds."""
        seconds = math.ceil(wait)
        text = f"Wait {seconds} seconds, then try again."
        response = self.message(visit, 429, "Too many attempts", text)
        response.headers["retry-after"] = str(seconds)
        return response

    async def unknown_address(self, request: Request) -> Response:
        """Respond to an address that no page has."""
        return self._problem_page(await self._visit(request), no_such_page().problem)

    def problem(self, request: Request, problem: Problem) -> Response:
        """Show a problem. The visitor is not identified, since that may be what failed."""
        return self._problem_page(self._anonymous(request), problem)

    async def write(self, work: Callable[..., Value], **given: Any) -> Value:
        """Have *work* change the store now."""
        return await self.store.write(partial(work, now=self.clock(), **given))

    async def filters(self, given: Mapping[str, str]) -> Filters:
        """Look up the names in the filters of a page."""
        read = partial(of_filters, given=given, settings=self.settings, now=to_us(self.clock()))
        return await self.store.ask(read)

    async def whole_name(self, visit: request_context.Visit) -> Response | None:
        """Redirect to the same page of the repository whose short name is in the address, if it means one."""
        name = visit.fields.get("repo", "").strip()
        if not name or "/" in name or not (repo := (await self.filters({"repo": name})).repo):
            return None
        given = [(name, repo if name == "repo" else text) for name, text in visit.fields.multi_items()]
        return self.redirect(f"{visit.path}?{urlencode(given)}")

    def redirect(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Redirect a visitor to another page, which the browser requests with GET."""
        return RedirectResponse(path, 303, headers={"content-security-policy": POLICY, **(headers or {})})

    def after(self, visit: request_context.Visit, path: str, said: str) -> Response:
        """Redirect a visitor to a page that says what was done: *said* is a word of `SAID`."""
        return self.redirect(
            path, request_context.cookie_header(said, secure=visit.secure, seconds=60, suffix=_SAID)
        )

    async def sign_in(self, visit: request_context.Visit, person: people.Person, path: str) -> Response:
        """Begin a session with a new token; the cookie that the visitor had is not used again."""
        token, hash_ = people_store.new_token()
        await self.write(people_store.sign_in, hash_=hash_, person=person)
        seconds = int(ABSOLUTE.total_seconds())
        return self.redirect(path, request_context.cookie_header(token, secure=visit.secure, seconds=seconds))

    async def _visit(self, request: Request) -> request_context.Visit:
        visit = self._anonymous(request)
        if found := await self.visitors.of_proxy(request.headers):
            return replace(visit, person=found.person, by_proxy=True, denied=found.reason)
        if request_context.cookie_name(secure=visit.secure) in request.cookies:
            person = await self.visitors.of_session(visit.token, is_used=RENEWAL not in request.headers)
            if person is not None:
                return replace(visit, person=person)
        token = request.cookies.get(request_context.cookie_name(secure=visit.secure, suffix=SCREEN), "")
        screen = await self.visitors.screen(token) if token else None
        return visit if screen is None or screen.review else replace(visit, screen=screen.name)

    def _anonymous(self, request: Request) -> request_context.Visit:
        origin = request_context.origin_of(request, self.public)
        token = request.cookies.get(request_context.cookie_name(secure=origin.startswith("https:")), "")
        return request_context.Visit(
            request=request,
            token=token or people_store.new_token()[0],
            person=None,
            origin=origin,
            fields=request_context.FormFields(),
        )

    async def _allowed(self, page: Page, visit: request_context.Visit) -> Response:
        if visit.denied:
            return self.message(visit, 403, "You may not sign in", visit.denied)
        if page.needs == FIGURES and visit.screen:
            return await page.handler(visit)
        if page.needs != EVERYONE and visit.person is None:
            # Signing in leads to an address that was shared.
            back = visit.path + (f"?{visit.query}" if visit.query else "") if page.method == "GET" else "/"
            return self.redirect(f"/sign-in?next={quote(back, safe='/')}")
        if visit.person is not None and not _may(visit.person, page.needs):
            who = OWNERS if page.needs == OWNERS else f"{page.needs} and {OWNERS}"
            text = f"Only {who} may open this page. You are a {visit.person.role}. Ask an owner for help."
            return self.message(visit, 403, f"For {who} only", text)
        return await page.handler(visit)

    def _error_page(self, visit: request_context.Visit, page: Page, error: GitDailiesError) -> Response:
        problem = of_error(error) if error.status_hint != 400 else Problem("request", str(error))
        if problem.word == "fault":
            raise error
        write = self.log.error if problem.status >= 500 else self.log.info
        # The route, not the path, which may contain the token of a one-time link.
        write("refused", path=page.path, problem=problem.word, status=problem.status, reason=str(error))
        return self._problem_page(visit, problem)

    def _problem_page(self, visit: request_context.Visit, problem: Problem) -> Response:
        title, text = PROBLEMS[problem.word].page_title, _sentence(without_keys(problem.detail))
        response = self.message(visit, problem.status, title, text)
        response.headers.update(dict(problem.headers))
        return response


def _may(person: people.Person, needs: str) -> bool:
    """Return whether a person may open a page that needs *needs*; an owner is a member, too."""
    return person.is_owner or not (needs == OWNERS or (needs == MEMBERS and person.role == people.READER))


class PageGroup:
    """Pages that belong together; `pages` returns them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def _write(self, visit: request_context.Visit, work: Callable[..., Value], **given: Any) -> Value:
        """Have *work* change the store, now and in the name of the person who visits."""
        return await self._site.write(work, actor=visit.user.name, **given)


@cache
def _templates() -> Environment:
    """Return the templates of all sites: to compile one takes longer than to answer with it."""
    templates = Environment(
        loader=FileSystemLoader(sorted(TEMPLATES.iterdir())),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    templates.filters.update(
        clock=clock,
        day=day,
        zone=zone,
        local=local,
        duration=duration,
        utc=utc,
        pretty=pretty,
        whole=kept_whole,
        last_day=last_day,
        opened=opened_markup,
    )
    templates.tests["of_this_machine"] = of_this_machine
    templates.globals.update(
        style=_versioned("style.css"), script=_versioned("page.js"), docs=link, amount=amount, lacking=lacking
    )
    templates.globals["release"] = release()
    return templates


@pass_context
def clock(context: Context, at: datetime, form: str = "%H:%M") -> str:
    """Write a moment as clocks in the configured time zone show it."""
    return f"{at.astimezone(context['timezone']):{form}}"


@pass_context
def day(context: Context, at: datetime) -> str:
    """Write the day of a moment in the configured time zone."""
    return clock(context, at, "%Y-%m-%d")


@pass_context
def zone(context: Context, at: datetime) -> str:
    """Write what clocks in the configured time zone call it at a moment."""
    return zone_name(to_us(at), context["timezone"])


@pass_context
def local(context: Context, at: str, seconds: str = "") -> str:
    """Write a time of an answer in the configured time zone; *seconds* is the format of its seconds."""
    moment = parse(at, "time")
    return f"{clock(context, moment, f'%Y-%m-%d %H:%M{seconds}')} {zone(context, moment)}"


def utc(at: datetime) -> str:
    """Write a moment to the second in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def pretty(value: Any) -> str:
    """Write JSON with line breaks."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _sentence(detail: str) -> str:
    """Return the detail of a problem for a person: about a form, a sentence, since the title names it."""
    text = detail.removeprefix("form: ")
    return detail if text == detail else sentence(text)


def _versioned(name: str) -> str:
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def of_this_machine(link: str) -> bool:
    """Whether a link opens only on the machine of the server."""
    return is_loopback(urlsplit(link).hostname or "")
