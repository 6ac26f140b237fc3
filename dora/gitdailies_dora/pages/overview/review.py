"""The review of a week: what needs a decision, and the forms that decide it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_dora.derived.correcting import checked_reason
from gitdailies_dora.derived.read import review as derived_review
from gitdailies_dora.derived.read.review_question import PARAMETERS, review_question
from gitdailies_dora.events import queries, query
from gitdailies_dora.events.records import acknowledgements
from gitdailies_dora.events.strict_order import LatestEvents
from gitdailies_dora.pages.frame.formatting import unbroken
from gitdailies_dora.pages.frame.forms import team_choices
from gitdailies_dora.pages.frame.request_context import Visit, local_path
from gitdailies_dora.pages.frame.site import Page, PageGroup
from gitdailies_dora.pages.overview.review_view import PATH, review_url, sections, still_counting, summary


class ReviewPage(PageGroup):
    """The review, and what its buttons do besides corrections: mark a line as done, or open it again."""

    def pages(self) -> list[Page]:
        needs = self._site.correct_needs
        return [
            Page(PATH, self.show),
            Page(f"{PATH}/acknowledge", self.acknowledge, "POST", needs=needs),
            Page(f"{PATH}/reopen", self.reopen, "POST", needs=needs),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the week that the address names, or the last whole one."""
        given = query.parameters(visit.query, PARAMETERS)
        await self._site.catch_up()
        settings = self._site.settings
        question = review_question(given, settings, self._site.teams, to_us(self._site.clock()))
        read = partial(derived_review.answer, question=question, settings=settings)
        found, week = await self._site.store.ask(read), question.week
        filters = found.filter
        is_quiet = not found.open and not found.done
        no_events = is_quiet and await self._site.store.read(queries.latest_events) == LatestEvents()
        sunday = week.monday + timedelta(days=6)
        over = week.period.until == week.period.ended_at
        notice = still_counting(found, week.period.now, settings.zone)
        return self._site.render(
            visit,
            "review.html",
            week=week.name,
            filters=filters,
            team_choices=team_choices(self._site.teams),
            back=review_url(week.name, filters),
            before=review_url(week.name_before, filters),
            after=review_url(week.next_name, filters) if over else "",
            monday=unbroken(f"{week.monday.day} {week.monday:%B %Y}"),
            sunday=unbroken(f"{sunday.day} {sunday:%B %Y}"),
            over=over,
            no_events=no_events,
            notice=notice,
            sections=sections(found, settings.zone),
            summary="" if no_events else summary(found, notice),
            may_correct=self._site.may_correct(visit),
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
