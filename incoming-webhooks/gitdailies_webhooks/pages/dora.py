"""The DORA page: the overview of all repositories, or five figures of one with trends and a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.values.times import parse
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_webhooks.derived.answer_cache import AnswerCache
from gitdailies_webhooks.derived.question import FILTERS, Question, question
from gitdailies_webhooks.derived.series.answer import answer
from gitdailies_webhooks.derived.series.overview import overview
from gitdailies_webhooks.derived.series.question import MOST_DAYS, MOST_LISTED, Asked, asked
from gitdailies_webhooks.derived.series.sums import open_incidents
from gitdailies_webhooks.events import query, spellings
from gitdailies_webhooks.events.problem import Refusal, refusal
from gitdailies_webhooks.figures import trend
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS
from gitdailies_webhooks.figures.series import SeriesQuestion
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.trend import INTERVALS
from gitdailies_webhooks.pages import dora_view, overview_view, phrases
from gitdailies_webhooks.pages.conditional import conditional
from gitdailies_webhooks.pages.formatting import moment
from gitdailies_webhooks.pages.forms import wrong_of
from gitdailies_webhooks.pages.overview_view import FIRST_SORT, SORTS
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.samples import deploy_command
from gitdailies_webhooks.pages.series_formats import FORMS, write
from gitdailies_webhooks.pages.site import FIGURES, Page, Site

WALL = "wall"
_VIEWS = (WALL,)
_PARAMETERS = (*FILTERS, "days", "sort", "page", "view")
# Those that a person fills in.
_FIELDS = ("repo", "environment", "service", "team", "from", "to")
_OF_THE_TABLE = ("sort", "page", "view")


class _Asked(NamedTuple):
    """What an address asks for: for the page of one repository, and for the overview."""

    one: Question
    all: Asked
    sort: str
    page: int


class DoraPage:
    """The page of figures; its address contains the whole question."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._answers: AnswerCache = AnswerCache(site.store, site.clock)

    def pages(self) -> list[Page]:
        return [Page("/dora", self.show, needs=FIGURES), Page("/dora/export", self.export)]

    async def show(self, visit: Visit) -> Response:
        """Show the figures that the address asks for, or the error in it."""
        try:
            filters = _filters(visit, _PARAMETERS)
            if visit.screen:  # it shows no link to what it may not open
                filters["view"] = WALL
            self._asked(filters)
        except Refusal as refused:
            return self._error(visit, refused.problem.detail)
        await self._site.catch_up()
        # The rows may now include events later than the first moment.
        shown = partial(_shown, filters=filters, question=self._asked(filters), settings=self._site.settings)
        template, context = await self._answers.ask(frozenset(filters.items()), shown)
        choices = dora_view.team_choices(self._site.teams)
        page = self._site.render(
            visit, template, error="", sample=deploy_command(visit.origin), team_choices=choices, **context
        )
        return conditional(visit.request, page)

    async def export(self, visit: Visit) -> Response:
        """Return the groups of the overview as CSV, JSON or Markdown, as the API does for a key."""
        filters = _filters(visit, (*_PARAMETERS, "format"))
        form = filters.pop("format", "csv")
        if form not in FORMS:
            raise refusal("request", f"format: expected one of {', '.join(FORMS)}, got {got(form)}")
        self._asked(filters)
        await self._site.catch_up()
        found = self._asked(filters).all
        exported = partial(_exported, question=found.question, settings=self._site.settings, form=form)
        body, media_type = await self._site.store.ask(exported)
        headers = {"content-disposition": f'attachment; filename="dora.{form}"'}
        return Response(body, media_type=media_type, headers=headers)

    def _asked(self, filters: Mapping[str, str]) -> _Asked:
        site, now = self._site, to_us(self._site.clock())
        days = query.number("days", filters.get("days", str(DEFAULT_DAYS)), 1, MOST_DAYS)
        one = question(filters, site.settings, now, days, teams=site.teams)
        sort = filters.get("sort", FIRST_SORT)
        if sort not in SORTS:
            raise refusal("request", f"sort: expected one of {', '.join(SORTS)}, got {got(sort)}")
        view = filters.get("view")
        if view and view not in _VIEWS:
            raise refusal("request", f"view: expected {' or '.join(_VIEWS)}, got {got(view)}")
        unit = trend.buckets(one.selection.period)[0]
        given = {name: [text] for name, text in filters.items() if name not in _OF_THE_TABLE}
        given |= {
            "by": ["team,repo"],
            "interval": [unit if unit in INTERVALS else "quarter"],
            "compare": ["before"],
        }
        every = asked(given, site.settings, site.teams, now)
        return _Asked(
            one=one,
            all=every._replace(question=replace(every.question, whole=True)),
            sort=sort,
            page=query.number("page", filters.get("page", "1"), 1, MOST_LISTED),
        )

    def _error(self, visit: Visit, error: str) -> Response:
        filters = {name: visit.fields.get(name, "") for name in _PARAMETERS}
        wrong = wrong_of(error, _FIELDS)
        context: dict[str, Any] = {**dora_view.form(filters), "wrong": wrong.beside}
        choices = dora_view.team_choices(self._site.teams)
        return self._site.render(
            visit, "dora.html", 400, error=wrong.above, shown=False, team_choices=choices, **context
        )


def _filters(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    given = query.parameters(visit.query, names)
    return {name: text.strip() for name, text in given.items() if text.strip()}


def _exported(
    session: Session, question: SeriesQuestion, settings: FigureSettings, form: str
) -> tuple[bytes, str]:
    """Return the groups of a question in one of `FORMS`, and the media type."""
    return write(answer(session, question, settings, limit=MOST_LISTED), form)


def _shown(
    session: Session, filters: Mapping[str, str], question: _Asked, settings: FigureSettings
) -> tuple[str, dict[str, Any]]:
    """Read what the page shows: the overview if there are several repositories and none is chosen."""
    chosen = filters.get("repo") or filters.get("service")
    on_wall = filters.get("view") == WALL
    if not chosen and len(set(spellings.names(session).values())) > 1:
        found = overview(
            session, question.all.question, question.one.selection, settings, live=question.all.live
        )
        shown = overview_view.context(
            found,
            filters,
            settings,
            sort=question.sort,
            page=question.page,
            on_wall=on_wall,
        )
        form = dora_view.form(filters)
        return "wall.html" if on_wall else "overview.html", {
            **form,
            "repos": found.repos,
            "environments": found.environments,
            **shown,
        }
    open_now = len(open_incidents(session, question.all.question.without_groups(), live=question.all.live))
    return "wall-one.html" if on_wall else "dora.html", {
        **dora_view.shown(session, filters, question.one, settings, open_now),
        **_compared(session, question.all, settings),
    }


def _compared(session: Session, question: Asked, settings: FigureSettings) -> dict[str, Any]:
    """Return when the period before began, and for each figure what became of it since."""
    one = question.question.without_groups()
    found = answer(session, one, settings, limit=1)
    (group,) = found["groups"]
    if group["before"] is None:
        return {"before": None, "changes": {}}
    began_at = to_us(parse(found["before"]["from"], "from"))
    changes = {
        figure: phrases.change(figure, word, group["before"][figure])
        for figure, word in group["change"].items()
    }
    return {"before": moment(began_at, settings.zone), "changes": changes}
