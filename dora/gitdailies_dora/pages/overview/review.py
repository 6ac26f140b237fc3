"""The review of a week: what needs a decision, and the forms that decide it."""

from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_dora.accounts import people_store, screen_store
from gitdailies_dora.accounts.screens import LINK_IS_OVER, SHARED, SHARED_FOR, SHARED_REVIEW, Screen
from gitdailies_dora.derived.correcting import checked_reason
from gitdailies_dora.derived.read import review as derived_review
from gitdailies_dora.derived.read.figures.known_names import NO_FILTERS
from gitdailies_dora.derived.read.review_question import PARAMETERS, review_question
from gitdailies_dora.events import query
from gitdailies_dora.events.records import acknowledgements, change_log
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import urls_of_counts
from gitdailies_dora.pages.frame.formatting import long_day
from gitdailies_dora.pages.frame.forms import team_choices
from gitdailies_dora.pages.frame.request_context import Visit, local_path
from gitdailies_dora.pages.frame.site import EVERYONE, MEMBERS, Page, PageGroup
from gitdailies_dora.pages.overview import review_view, week_view


class ReviewPage(PageGroup):
    """The review, and what its buttons do besides corrections: mark a line as done, or open it again."""

    def pages(self) -> list[Page]:
        needs = self._site.correct_needs
        return [
            Page(review_view.PATH, self.show),
            Page(f"{review_view.PATH}/acknowledge", self.acknowledge, "POST", needs=needs),
            Page(f"{review_view.PATH}/reopen", self.reopen, "POST", needs=needs),
            Page(f"{review_view.PATH}/share", self.share, "POST", needs=MEMBERS),
            Page(f"{SHARED}{{token}}", self.shared, needs=EVERYONE),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the week that the address names, or the last whole one."""
        return await self._week(visit, visit.query)

    async def share(self, visit: Visit) -> Response:
        """Make a link that shows one review to anyone for a week; this response alone contains it."""
        given = {name: visit.fields.get(name, "") for name in PARAMETERS if visit.fields.get(name)}
        question = review_question(given, self._site.settings, self._site.teams, to_us(self._site.clock()))
        named = {**given, "week": question.week.name}
        (token, hash_), until = people_store.new_token(), self._site.clock() + SHARED_FOR
        shown = f"{SHARED_REVIEW}{urlencode(named)}"
        await self._write(visit, screen_store.add, hash_=hash_, name=shown, expires_at=until)
        self._site.log.info("review shared", review=shown, person=visit.user.name)
        address = f"{visit.origin}{SHARED}{token}"
        return self._site.render(visit, "review-shared.html", link=address, until=until, back=shown)

    async def shared(self, visit: Visit) -> Response:
        """Show the review of a link, without any other page behind it."""
        token = visit.request.path_params["token"]
        screen = await self._site.visitors.screen(token)
        if screen is None or not screen.review:
            return self._site.message(visit, 410, *LINK_IS_OVER)
        return await self._week(visit, screen.review, shared=screen)

    async def _week(self, visit: Visit, query_: str, *, shared: Screen | None = None) -> Response:
        given = query.parameters(query_, PARAMETERS)
        await self._site.catch_up()
        if not shared and (whole := await self._site.whole_name(visit)):
            return whole
        settings = self._site.settings
        question = review_question(given, settings, self._site.teams, to_us(self._site.clock()))
        read = partial(derived_review.answer, question=question, settings=settings)
        found, week = await self._site.store.ask(read), question.week
        filters, now = found.filter, week.period.now
        team = self._site.teams.title(filters.team) if filters.team else ""
        is_quiet = not found.open and not found.done and not found.happened
        names = NO_FILTERS if shared else await self._site.filters({"repo": question.repo})
        no_events = is_quiet and await self._site.store.read(change_log.last_received) is None
        place = {
            "repo": filters.repo or "",
            "team": filters.team or "",
            "environment": settings.production_name,
        }
        counts = [urls_of_counts(place, span, settings.window_us) for span in (week.period, week.before)]
        over = week.period.until == week.period.ended_at
        notice = review_view.still_counting(found, now, settings.zone)
        figures = week_view.figures(found, *counts)
        # A link is open to everybody, and a relay answers few at once.
        waiting = [] if shared else await self._site.relays.unmapped()
        return self._site.render(
            visit,
            "review.html",
            shared=shared,
            waiting=waiting,
            week=week.name,
            filters=filters,
            team_choices=team_choices(self._site.teams),
            back=review_view.review_url(week.name, filters),
            before=review_view.review_url(week.name_before, filters),
            after=review_view.review_url(week.next_name, filters) if over else "",
            monday=long_day(week.monday),
            sunday=long_day(week.monday + timedelta(days=6)),
            over=over,
            compared_with=week_view.compared_with(found, now, settings.zone),
            scope=", ".join(filter(None, [filters.repo, team])),
            no_events=no_events,
            notice=notice,
            headline=week_view.headline(found, now),
            figures=figures,
            least=phrases.LEAST_OF_A_WEEK if any(one.became == phrases.FEW for one in figures) else "",
            happened=week_view.lines(found, now, settings.zone),
            happened_left=found.happened_left,
            markdown=review_view.markdown(found, waiting, now, settings.zone, visit.origin, team),
            sections=review_view.sections(found, settings.zone),
            summary="" if no_events or names.unknown else review_view.summary(found, notice),
            names=names,
            may_correct=self._site.may_correct(visit) and not shared,
        )

    async def acknowledge(self, visit: Visit) -> Response:
        """Mark a line as done; a reason is welcome and not needed."""
        text, line = visit.fields.get("reason", "").strip(), visit.fields.get("line", "")
        reason = checked_reason(text) if text else ""
        await self._write(visit, acknowledgements.acknowledge, line=line, reason=reason)
        return self._site.redirect(local_path(visit.fields.get("back", "")))

    async def reopen(self, visit: Visit) -> Response:
        """Open a line again."""
        await self._write(visit, acknowledgements.reopen, line=visit.fields.get("line", ""))
        return self._site.redirect(local_path(visit.fields.get("back", "")))
