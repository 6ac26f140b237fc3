"""The pages of events: a list with filters and a search, and one event."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from gitdailies_connection.relay.answers import DeliveryPage
from gitdailies_core.errors import RelayFault
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.events.ids import is_self_made
from gitdailies_server.round_trips import read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response, StreamingResponse

from gitdailies_dora.accounts.keys.webhook_key import without_keys
from gitdailies_dora.derived.read.answers import IncidentDetail
from gitdailies_dora.derived.read.events import detail, event_filters, event_list
from gitdailies_dora.derived.read.events.possible_duplicates import Beside, beside
from gitdailies_dora.derived.read.events.related import RelatedReader
from gitdailies_dora.derived.read.figures.known_names import NO_FILTERS, Filters
from gitdailies_dora.events import listing, queries, query
from gitdailies_dora.events.listing import StoredEvent
from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.events.records import change_log
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.pages.events import event_view
from gitdailies_dora.pages.frame.event_links import commit_url
from gitdailies_dora.pages.frame.event_summary import TITLES, EventSummary, event_summary
from gitdailies_dora.pages.frame.formatting import BEHIND_US, csv_line, moment, window
from gitdailies_dora.pages.frame.forms import THROUGH, Wrong, team_choices, with_last_day, wrong_of
from gitdailies_dora.pages.frame.phrases import WHEN_NOT_FAILED
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup, found_or_404

_PAGE = 50
# The page of an event does not wait longer for a relay, which may hang.
_RELAY_SECONDS = 1.0
_PARAMETERS = (*query.FILTERS, query.TEAM, query.OUTCOME, "from", "to", THROUGH, "q", "order")
# The columns of events as CSV, and how many events are read at once.
_CSV = (
    *("time", "kind", "id", "repo", "environment", "service", "commitSHA", "incidentId", "title"),
    *("severity", "reporter", "source", "run", "url", "result"),
)
_CSV_CHUNK = 500
_WAIT = "The results are being computed again from all events. Reload in a minute, or choose all results."
_BY_HAND = event_filters.CORRECTED
# What the results mean whose titles do not say it.
_MEANINGS = {
    "repeat": " of a deploy, not counted again",
    "nothing-new": ": each commit was deployed before",
    "inferred-fix": ": looks like rework",
    "by-remedy": ", a rollback or fix",
    "unlinked": ": no deploy found",
    "duplicate": ": the incident was open already",
}
# The results to choose from, by the title of the kind.
_OUTCOMES = {
    TITLES[kind]: {
        word: one.title + _MEANINGS.get(word, "") for word, one in words.items() if word != _BY_HAND
    }
    for kind, words in event_filters.OUTCOMES.items()
}
# The filters as the form names them, where that is not the name in the address.
_NAMES: Mapping[str, str] = {
    "q": "search",
    "repo": "repository",
    "incidentId": "incident",
    "outcome": "result",
    "from": "start",
    "to": "end",
}
# Those that a person fills in.
_FIELDS = ("repo", "environment", "service", "team", "outcome", "from", "to")


class EventPages(PageGroup):
    """The pages of events."""

    def pages(self) -> list[Page]:
        return [
            Page("/events", self.show),
            Page("/events/export", self.export),
            Page("/events/id", self.named),
            Page("/deploys/{id:path}", self.named),
            Page("/incidents/{id:path}", self.incident),
            Page("/events/{seq:int}", self.one),
            Page("/events/{seq:int}/delete", self.confirm_delete, needs=OWNERS),
            Page("/events/{seq:int}/delete", self.delete, "POST", needs=OWNERS),
        ]

    async def show(self, visit: Visit) -> Response:
        """List events, the newest by time or by arrival first."""
        given = _given(visit)
        before = visit.fields.get("before", "")
        try:
            wanted = query.wanted_of(given, self._site.settings.zone, self._site.settings.renames)
            event_filters.check(wanted, self._site.teams)
            after = query.position(before, wanted.order) if before else query.END
        except Refusal as refused:
            return self._list(visit, given, [], wrong=wrong_of(refused.problem.detail, _FIELDS))
        await self._site.catch_up()
        if whole := await self._site.whole_name(visit):
            return whole
        names = await self._site.filters(given)
        wanted, notice = await self._resolved(wanted)
        listed = partial(
            event_list.listed,
            wanted=wanted,
            before=after,
            limit=_PAGE + 1,
            settings=self._site.settings,
            now=to_us(self._site.clock()),
        )
        rows = [] if notice.startswith(_WAIT) else await self._site.store.ask(listed)
        more = rows[_PAGE - 1].event.position.text(wanted.order) if len(rows) > _PAGE else ""
        renames = self._site.settings.renames
        events = [(event_summary(row.event, renames), row) for row in rows[:_PAGE]]
        none = not events and await self._site.store.read(change_log.last_received) is None
        return self._list(
            visit, given, events, more=more, paged=bool(before), notice=notice, none=none, names=names
        )

    async def export(self, visit: Visit) -> Response:
        """Return the events of the same filters as CSV, the newest first."""
        site, now = self._site, to_us(self._site.clock())
        wanted = query.wanted_of(_given(visit), site.settings.zone, site.settings.renames)
        event_filters.check(wanted, site.teams)
        await site.catch_up()
        wanted, notice = await self._resolved(wanted)
        if notice.startswith(_WAIT):
            raise refusal("busy", "events: their results are being computed again; ask again in a minute")

        async def lines() -> AsyncIterator[str]:
            yield csv_line(_CSV)
            after: query.Position | None = query.END
            while after is not None:
                part = partial(event_list.listed, wanted=wanted, before=after, limit=_CSV_CHUNK)
                rows = await site.store.ask(partial(part, settings=site.settings, now=now))
                for row in rows:
                    texts = listing.texts_of(row.event.body, site.settings.renames)
                    yield csv_line([*(texts.get(name, "") for name in _CSV[:-1]), row.result])
                after = rows[-1].event.position if len(rows) == _CSV_CHUNK else None

        headers = {"content-disposition": 'attachment; filename="events.csv"'}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)

    def _list(
        self,
        visit: Visit,
        given: Mapping[str, str],
        rows: Sequence[tuple[EventSummary, event_list.ListedResult]],
        *,
        more: str = "",
        paged: bool = False,
        notice: str = "",
        wrong: Wrong | None = None,
        none: bool = False,
        names: Filters = NO_FILTERS,
    ) -> Response:
        """Show events, with the form as it was filled in; *none* says that there are none at all."""
        shown = {name: text for name, text in given.items() if (name, text) != ("order", query.HAPPENED)}
        return self._site.render(
            visit,
            "events.html",
            status=200 if wrong is None else 400,
            rows=rows,
            more=urlencode({**shown, "before": more}) if more else None,
            newest=urlencode(shown),
            without=[(_NAMES.get(name, name), _without(shown, name)) for name in shown if name != "order"],
            filters=shown,
            none=none,
            order=given["order"],
            names=names,
            may_move=self._site.may_correct(visit) and any(one.about.kind != DEPLOYED for one, _ in rows),
            titles=TITLES,
            paged=paged,
            is_wrong=wrong is not None,
            error=wrong.above if wrong else "",
            wrong=wrong.beside if wrong else {},
            notice=notice,
            waiting=notice.startswith(_WAIT),
            team_choices=team_choices(self._site.teams),
            outcomes=_OUTCOMES,
        )

    async def _resolved(self, wanted: query.Wanted) -> tuple[query.Wanted, str]:
        """Look up what the filters mean; return a sentence, too, if not every event has its outcome yet."""
        if not event_filters.needed(wanted):
            return wanted, ""
        site, now = self._site, to_us(self._site.clock())
        resolve = partial(
            event_filters.resolved, wanted=wanted, teams=site.teams, settings=site.settings, now=now
        )
        try:
            found = await site.store.ask(resolve)
        except Refusal as refused:
            if not wanted.outcome or refused.problem.word != "busy":
                raise
            return wanted, _WAIT
        if now - found.as_of <= BEHIND_US:
            return found.wanted, ""
        since = moment(found.as_of, site.settings.zone)
        return found.wanted, f"Still counting: events received since {since} have no result yet."

    async def one(self, visit: Visit) -> Response:
        """Show the event with a number."""
        return await self._event(visit, partial(listing.event_numbered, seq=_number(visit)))

    async def named(self, visit: Visit) -> Response:
        """Show the event with an id: the page of an event whose id the path or the query names."""
        id_ = visit.request.path_params.get("id") or visit.fields.get("id", "")
        return await self._event(visit, partial(listing.event_with_id, id_=id_))

    async def incident(self, visit: Visit) -> Response:
        """Show an incident, by the id of its start or by the sender's id."""
        id_ = visit.request.path_params["id"]
        return await self._event(visit, partial(listing.incident_with_id, id_=id_))

    async def with_wrong_correction(self, visit: Visit, id_: str, refused: Refusal) -> Response:
        """Show an event with its correction as it was filled in; raises *refused* if there is none."""
        find = partial(listing.event_with_id, id_=id_)
        if await self._site.store.read(find) is None:
            raise refused
        wrong = wrong_of(refused.problem.detail, ("deploy", "reason", "what"))
        return await self._event(visit, find, wrong, refused.problem.status)

    async def _event(
        self,
        visit: Visit,
        find: Callable[[Session], StoredEvent | None],
        wrong: Wrong | None = None,
        status: int = 200,
    ) -> Response:
        """Show an event: what it counts for, what is related to it, and whether it was counted twice."""
        settings = self._site.settings
        shown = partial(_shown, find=find, settings=settings)
        row, found, twice, stored = found_or_404(
            await self._site.current(lambda: partial(shown, now=to_us(self._site.clock())))
        )
        event = event_summary(row, settings.renames)
        view, texts = event_view.view(found, event.about, settings, stored), event.texts
        return self._site.render(
            visit,
            "event.html",
            status,
            event=event,
            content=json.loads(listing.shown(row.body, settings.renames)),
            view=view,
            found=view.found,
            twice=twice,
            elsewhere=settings.environment(texts.get("environment"), texts.get("tier")) != PRODUCTION,
            relay=await self._relay_of(row.id, texts.get("reporter", "")),
            window=window(settings.window.total_seconds()),
            decided_words=event_view.DECIDED,
            commit_url=partial(commit_url, "", ""),
            correct_open=wrong is not None,
            when_not_failed=WHEN_NOT_FAILED,
            error=wrong.above if wrong else "",
            wrong=wrong.beside if wrong else {},
            typed={name: without_keys(visit.fields.get(name, "")) for name in ("what", "deploy", "reason")},
        )

    async def _relay_of(self, id_: str, reporter: str) -> str:
        """Return the relay that has a delivery of an event; "" if none has, or none answers at once.

        Only an event in the form of a relay is asked for. An import of past incidents has this form, too.
        """
        relays = self._site.relays
        if not (reporter.startswith("relay/") or is_self_made(id_)):
            return ""
        for name in relays.names:
            try:
                asked = relays.ask(
                    name, lambda client: client.get("/deliveries", DeliveryPage, q=id_, limit="1")
                )
                page = await asyncio.wait_for(asked, _RELAY_SECONDS)
            except (RelayFault, TimeoutError):
                continue
            if page is not None and page.deliveries:
                return name
        return ""

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        row = found_or_404(await self._row(visit))
        event = event_summary(row, self._site.settings.renames)
        return self._site.render(visit, "event-delete.html", event=event)

    async def delete(self, visit: Visit) -> Response:
        """Delete an event; the audit trail keeps a copy."""
        row = await self._row(visit)
        if row is not None:
            await self._site.store.delete(row.id, actor=visit.user.name, now=self._site.clock())
            self._site.log.info("deleted", id=row.id, person=visit.user.name)
        return self._site.redirect("/events")

    async def _row(self, visit: Visit) -> StoredEvent | None:
        return await self._site.store.read(partial(listing.event_numbered, seq=_number(visit)))


def _number(visit: Visit) -> int:
    return min(int(visit.request.path_params["seq"]), 2**62)


def _shown(
    session: Session, find: Callable[[Session], StoredEvent | None], settings: FigureSettings, now: int
) -> tuple[StoredEvent, Any, Beside | None, Mapping[str, Any]] | None:
    """Return an event, its detail, its possible duplicate, and stored deploys near an incident."""
    reader = RelatedReader(session, settings, now)
    event = reader.begin(find)
    if event is None:
        return None
    found, twice = read_together(
        session, partial(detail.of_kind, reader, event), partial(beside, session, event.id)
    )
    near = found.attribution.near if isinstance(found, IncidentDetail) else ()
    return event.row, found, twice, queries.stored(session, [one.id for one in near])


def _given(visit: Visit) -> dict[str, str]:
    fields = {name: visit.fields.get(name, "").strip() for name in _PARAMETERS}
    return with_last_day({"order": query.HAPPENED, **{name: text for name, text in fields.items() if text}})


def _without(shown: Mapping[str, str], name: str) -> str:
    return urlencode({other: text for other, text in shown.items() if other != name})
