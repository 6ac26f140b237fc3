"""The DORA page: the overview of all repositories, or five figures of one with trends and a timeline."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_server.round_trips import only_if, read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_dora.derived.read.figures.answer import of_groups
from gitdailies_dora.derived.read.figures.compared import compared
from gitdailies_dora.derived.read.figures.overview import overview
from gitdailies_dora.derived.read.figures.question_sums import open_incidents
from gitdailies_dora.derived.read.figures.repository_page import repository_page
from gitdailies_dora.derived.read.figures.series_question import MOST_DAYS, MOST_LISTED, Asked, asked
from gitdailies_dora.derived.read.question import FILTERS, Question, question, team_key
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers import trend
from gitdailies_dora.figures.answers.selection import DEFAULT_DAYS
from gitdailies_dora.figures.answers.series import REPO, TEAM, SeriesQuestion
from gitdailies_dora.figures.answers.trend import INTERVALS
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.pages.frame.conditional import conditional
from gitdailies_dora.pages.frame.formatting import window
from gitdailies_dora.pages.frame.forms import THROUGH, Wrong, team_choices, with_last_day, wrong_of
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import FIGURES, Page, PageGroup
from gitdailies_dora.pages.overview import compared_view, overview_view
from gitdailies_dora.pages.overview import repository_view as dora_view
from gitdailies_dora.pages.overview.chance_view import ASKED, how_wrong
from gitdailies_dora.pages.overview.compared_view import WITH
from gitdailies_dora.pages.overview.formats import FORMS, write
from gitdailies_dora.pages.overview.overview_view import BY_TEAM, FIRST_SORT, LAYOUTS, SORTS
from gitdailies_dora.pages.settings.samples import deploy_command

WALL = "wall"
# The seconds after which figures renew themselves. A wall turns its page then, unless `rotate` is given.
RENEWED, SHORTEST_TURN, LONGEST_TURN = "30", 5, 3600
# The span of the rolling values in charts.
ROLLING_WEEKS = 4
_VIEWS = (WALL,)
_PARAMETERS = (*FILTERS, THROUGH, WITH, "days", "rows", "sort", "page", "view", "rotate")
# Those that a person fills in.
_FIELDS = ("repo", "environment", "service", "team", WITH, "from", "to")
_OF_THE_TABLE = (WITH, "rows", "sort", "page", "view", "rotate")


class _Asked(NamedTuple):
    """What an address asks for: for the page of one repository, and for the overview.

    `pair` has two teams or repositories, as they are folded, if they are to be compared.
    """

    one: Question
    all: Asked
    sort: str
    page: int
    pair: tuple[str, str] | None


class DoraPage(PageGroup):
    """The page of figures; its address contains the whole question."""

    def pages(self) -> list[Page]:
        return [
            Page("/dora", self.show, needs=FIGURES),
            Page("/dora/export", self.export),
            Page("/dora/how-wrong", self.how_wrong),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the figures that the address asks for, or the error in it."""
        try:
            filters = _filters(visit, _PARAMETERS)
            if visit.screen:  # it shows no link to what it may not open
                filters |= {"view": WALL, WITH: ""}
            self._asked(filters)
        except Refusal as refused:
            return self._error(visit, refused.problem.detail)
        if whole := await self._site.whole_name(visit):
            return whole
        twice = filters.get(WITH, "") if self._asked(filters).pair is None else ""
        if twice:
            filters.pop(WITH, None)
        shown = partial(_shown, filters=filters, settings=self._site.settings)
        template, context = await self._site.current(lambda: partial(shown, question=self._asked(filters)))
        context["waiting"] = () if filters.get("view") == WALL else await self._site.relays.unmapped()
        if (suspects := context.get("alone")) and not visit.screen:
            context["lines"] = await self._site.relays.lines_to(suspects)
        if twice:
            context["wrong"] = {WITH: "This one is shown already. Choose another."}
        choices = team_choices(self._site.teams)
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
        exported = partial(_exported, settings=self._site.settings, form=form)
        body, media_type = await self._site.current(
            lambda: partial(exported, question=self._asked(filters).all.question)
        )
        headers = {"content-disposition": f'attachment; filename="dora.{form}"'}
        return Response(body, media_type=media_type, headers=headers)

    async def how_wrong(self, visit: Visit) -> Response:
        """Show how wrong a count of all incidents is, for the numbers of a form."""
        given = {name: visit.fields.get(name, "").strip() or usual for name, _, usual, *_ in ASKED}
        wrong, status, found, seconds = Wrong(), 200, None, self._site.settings.window.total_seconds()
        try:
            found = how_wrong(given, seconds / 86_400)
        except Refusal as refused:
            wrong, status = wrong_of(refused.problem.detail, list(given)), 400
        return self._site.render(
            visit,
            "how-wrong.html",
            status,
            asked=ASKED,
            given=given,
            found=found,
            wrong=wrong.beside,
            error=wrong.above,
            window=window(seconds),
        )

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
        if (rows := filters.get("rows", BY_TEAM)) not in LAYOUTS:
            raise refusal("request", f"rows: expected one of {', '.join(LAYOUTS)}, got {got(rows)}")
        query.number("rotate", filters.get("rotate", RENEWED), SHORTEST_TURN, LONGEST_TURN)
        unit = trend.buckets(one.selection.period)[0]
        given = {name: [text] for name, text in filters.items() if name not in _OF_THE_TABLE}
        given |= {
            "by": ["team,repo"],
            "interval": [unit if unit in INTERVALS else "quarter"],
            "compare": ["before"],
        }
        by = REPO if filters.get(REPO) else TEAM
        pair = self._pair(by, filters) if filters.get(WITH) else None
        if pair:
            given |= {"by": [by], by: [*pair], "rolling": [f"{ROLLING_WEEKS}w"]}
        every = asked(given, site.settings, site.teams, now)
        return _Asked(
            one=one,
            all=every._replace(question=replace(every.question, whole=pair is None)),
            sort=sort,
            page=query.number("page", filters.get("page", "1"), 1, MOST_LISTED),
            pair=pair,
        )

    def _pair(self, by: str, filters: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the two that are compared, as they are folded; None for the same one twice."""
        if not filters.get(by):
            raise refusal("request", f"{WITH}: choose a first team or repository, too")
        key = partial(team_key, teams=self._site.teams) if by == TEAM else self._site.settings.repo
        first, second = key(filters[by]), key(filters[WITH])
        return None if first == second else (first, second)

    def _error(self, visit: Visit, error: str) -> Response:
        filters = with_last_day({name: visit.fields.get(name, "") for name in _PARAMETERS})
        wrong = wrong_of(error, _FIELDS)
        context: dict[str, Any] = {**dora_view.form(filters), "wrong": wrong.beside}
        choices = team_choices(self._site.teams)
        return self._site.render(
            visit, "dora.html", 400, error=wrong.above, shown=False, team_choices=choices, **context
        )


def _filters(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    given = query.parameters(visit.query, names)
    return with_last_day({name: text.strip() for name, text in given.items() if text.strip()})


def _exported(
    session: Session, question: SeriesQuestion, settings: FigureSettings, form: str
) -> tuple[bytes, str]:
    """Return the groups of a question in one of `FORMS`, and the media type."""
    return write(of_groups(session, question, settings, limit=MOST_LISTED), form)


def _shown(
    session: Session, filters: Mapping[str, str], question: _Asked, settings: FigureSettings
) -> tuple[str, dict[str, Any]]:
    """Read what the page shows: the overview if there are several repositories and none is chosen."""
    if question.pair:
        both = compared(session, question.all.question, question.one.selection, settings, question.pair)
        return "compared.html", compared_view.context(both, filters, question.all.question, settings)
    chosen = filters.get("repo") or filters.get("service")
    on_wall = filters.get("view") == WALL

    def are_several() -> bool:
        return len(set(spellings.names(session, settings.renames).values())) > 1

    every = question.all
    every_of = partial(overview, session, every.question, question.one.selection, settings, live=every.live)
    if not chosen and (of_all := only_if(session, are_several, every_of)):
        (found,) = of_all
        shown = overview_view.context(
            found, filters, settings, sort=question.sort, page=question.page, on_wall=on_wall
        )
        more = {"rotate": filters.get("rotate", RENEWED), **dora_view.form(filters, found.choices)}
        return "wall.html" if on_wall else "overview.html", {**more, **shown}
    whole = question.all.question.without_groups()
    unit = trend.buckets(whole.period)[0]
    asked_for = replace(whole, interval=unit, rolling_weeks=ROLLING_WEEKS)
    page, open_now = read_together(
        session,
        partial(repository_page, session, question.one, asked_for, settings),
        partial(open_incidents, session, whole, live=question.all.live),
    )
    context = dora_view.context(page, filters, question.one, unit, settings, len(open_now))
    return "wall-one.html" if on_wall else "dora.html", {**context, "rotate": RENEWED, "turned": ""}
