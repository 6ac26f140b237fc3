"""The review of a week: what needs a decision, and the forms that decide it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_webhooks.derived import review as derived_review
from gitdailies_webhooks.derived.correcting import checked_reason
from gitdailies_webhooks.derived.review_question import PARAMETERS, review_question
from gitdailies_webhooks.events import acknowledgements, queries, query
from gitdailies_webhooks.events.strict_order import LatestEvents
from gitdailies_webhooks.pages.dora_view import team_choices
from gitdailies_webhooks.pages.formatting import unbroken
from gitdailies_webhooks.pages.request_context import Visit, local_path
from gitdailies_webhooks.pages.review_view import PATH, review_url, sections, still_counting, summary
from gitdailies_webhooks.pages.site import Page, Site


class ReviewPage:
    """The review, and what its buttons do besides corrections: mark a line as done, or open it again."""

    def __init__(self, site: Site) -> None:
        self._site = site

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
        filters = found["filter"]
        is_quiet = not found["open"] and not found["done"]
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
        fields, now = visit.fields, self._site.clock()
        text = fields.get("reason", "").strip()
        work = partial(
            acknowledgements.acknowledge,
            line=fields.get("line", ""),
            reason=checked_reason(text) if text else "",
            actor=visit.user.name,
            now=now,
        )
        await self._site.store.write(work)
        return self._site.redirect(local_path(fields.get("back", "")))

    async def reopen(self, visit: Visit) -> Response:
        """Open a line again."""
        line, now = visit.fields.get("line", ""), self._site.clock()
        work = partial(acknowledgements.reopen, line=line, actor=visit.user.name, now=now)
        await self._site.store.write(work)
        return self._site.redirect(local_path(visit.fields.get("back", "")))
