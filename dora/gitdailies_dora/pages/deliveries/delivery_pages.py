"""The pages of deliveries: the list of a relay, and one delivery from its arrival to its answers."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from gitdailies_connection.relay.answers import DeliveryPage, RelayStatus, ShownDelivery, StoredRequest
from gitdailies_core.errors import RelayRefusal
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us
from starlette.responses import Response

from gitdailies_dora.events import queries
from gitdailies_dora.figures.answers.selection import at_local_time
from gitdailies_dora.pages.deliveries import delivery_words
from gitdailies_dora.pages.frame.forms import THROUGH, Wrong, with_last_day, wrong_of
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import Page, PageGroup, no_such_page

_PAGE = "50"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class DeliveryPages(PageGroup):
    """The list of deliveries, and one delivery."""

    def pages(self) -> list[Page]:
        return [
            Page("/deliveries", self.show),
            Page("/deliveries/{relay}/{id}", self.one),
        ]

    async def show(self, visit: Visit) -> Response:
        """List the deliveries of a relay, those that came last first."""
        relays = self._site.relays
        if not relays.names:
            return self._site.render(visit, "deliveries-none.html")
        relay = chosen_relay(visit, relays.names)
        filters = filters_of(visit)
        query = {**with_times(filters, self._site.settings.zone), "limit": _PAGE}
        if after := visit.fields.get("after", "")[:200]:
            query["after"] = after
        if visit.is_owner:
            query["bodies"] = "true"
        (page, fault), (state, also) = await asyncio.gather(
            relays.answer(relay, lambda client: client.get("/deliveries", DeliveryPage, **query)),
            relays.answer(relay, lambda client: client.get("/status", RelayStatus)),
        )
        if fault := fault or also:
            page = state = None
        # A filter that the relay refuses is a mistake in the form, not a fault of the relay.
        wrong = wrong_of(fault.reason, delivery_words.FILTERS) if isinstance(fault, RelayRefusal) else Wrong()
        rows = page.deliveries if page else ()
        names = await self._site.filters({} if rows else filters)
        stored = await self._stored(event.id for row in rows for event in row.events)
        return self._site.render(
            visit,
            "deliveries.html",
            status=200 if fault is None else fault.status_hint,
            relay=relay,
            relays=relays.names,
            relay_links=[
                (name, delivery_words.list_address(name, {}), name == relay) for name in relays.names
            ],
            heard=relays.last_answers.get(relay),
            fault=None if wrong.beside else fault,
            wrong=wrong.beside,
            state=state,
            alerts=delivery_words.alerts(relay, state) if state else (),
            rows=rows,
            names=names,
            stored=stored,
            chart=delivery_words.chart(rows, self._site.settings.zone),
            more=delivery_words.list_address(relay, filters, after=page.next) if page and page.next else None,
            looked_back_to=page.looked_back_to if page else None,
            newest=delivery_words.list_address(relay, filters) if after else None,
            filters=filters,
            outcomes=delivery_words.OUTCOMES,
            wants_action=delivery_words.WANTS_ACTION,
            for_many=delivery_words.FOR_MANY.get(filters.get("outcome", ""), ())
            if visit.is_owner and rows
            else (),
            many_address=partial(_many_address, relay, filters),
            steps=delivery_words.STEPS,
            said_of=delivery_words.said,
            done=_done(visit),
            pause_address=partial(delivery_words.pause_address, relay),
            silent=sum(source.silent for source in state.sources.values()) if state else 0,
            sending=delivery_words.sending(state, self._site.settings.zone) if state else (),
            unread=delivery_words.UNREAD,
            paused={pause.source or "": pause for pause in state.paused} if state else {},
            address_of=partial(delivery_words.address_of, relay),
            step_title=delivery_words.step_title,
        )

    async def one(self, visit: Visit) -> Response:
        """Show a delivery. Only an owner sees its body, its headers, and what is behind a button."""
        relays = self._site.relays
        relay, id_ = visit.request.path_params["relay"], visit.request.path_params["id"]
        if relay not in relays.names:
            raise no_such_page()
        query = {"bodies": "true"} if visit.is_owner else {}
        found, fault = await relays.answer(
            relay, lambda client: client.get(f"/deliveries/{id_}", ShownDelivery, **query)
        )
        if fault:
            why = f"The request to the relay failed: {fault}. {fault.remedy}"
            return self._site.message(visit, 502, "The relay does not answer", why)
        if found is None:
            return self._site.message(
                visit, 404, "No such delivery", "The relay does not have this delivery, or has deleted it."
            )
        return self._site.render(
            visit,
            "delivery.html",
            relay=relay,
            delivery=found,
            body=_body(found.stored),
            title=found.messages[0].word
            if found.messages and found.messages[0].word
            else delivery_words.UNREAD.capitalize(),
            outcome=delivery_words.OUTCOMES.get(found.outcome, (found.outcome, "")),
            wants_action=found.outcome in delivery_words.WANTS_ACTION,
            moments=delivery_words.timeline(found, is_owner=visit.is_owner),
            mapped=delivery_words.mapped_now(found),
            stored=await self._stored(event.id for event in found.events),
            about_what=next((text for event in found.events if (text := event.body.get("title"))), ""),
            taken_after=delivery_words.taken_after(found),
            steps=[
                (step, delivery_words.step_title(step, found.outcome))
                for step in found.steps
                if step in delivery_words.STEPS
            ],
            back=delivery_words.list_address(relay, {}),
            address=partial(delivery_words.address_of, relay, found.id),
            services_address=f"/settings/services?relay={relay}",
            done=_done(visit),
        )

    async def _stored(self, ids: Iterable[str]) -> Mapping[str, tuple[int, Mapping[str, Any]]]:
        """Return events by their ids, with their numbers, for links and titles."""
        return await self._site.store.read(partial(queries.stored, ids=list(dict.fromkeys(ids))[:500]))


def chosen_relay(visit: Visit, names: tuple[str, ...]) -> str:
    """Return the relay that an address names, or the first one."""
    name = visit.fields.get("relay", "")
    return name if name in names else names[0]


def filters_of(visit: Visit) -> dict[str, str]:
    """Return the filters of an address that are set."""
    fields = {name: visit.fields.get(name, "").strip()[:300] for name in (*delivery_words.FILTERS, THROUGH)}
    return with_last_day({name: text for name, text in fields.items() if text})


def _midnight(date: str, zone: tzinfo) -> str:
    try:
        return text_of(from_us(at_local_time(datetime.fromisoformat(date), zone)))
    except ValueError:
        # The relay says what is wrong.
        return date


def with_times(filters: Mapping[str, str], zone: tzinfo) -> dict[str, str]:
    """Return filters as a relay reads them: a date is its midnight in *zone*."""
    return {
        name: _midnight(text, zone) if name in ("from", "to") and _DATE.fullmatch(text) else text
        for name, text in filters.items()
    }


def _body(stored: StoredRequest | None) -> str | None:
    """Return a stored body, JSON with line breaks; None where there is none."""
    if stored is None or not isinstance(stored.body, str):
        encoded = stored.body_base64 if stored else None
        return f"not UTF-8, in base64: {encoded}" if isinstance(encoded, str) else None
    try:
        return json.dumps(json.loads(stored.body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return stored.body


def _many_address(relay: str, filters: Mapping[str, str], action: str) -> str:
    return delivery_words.list_address(relay, filters, action=action).replace(
        "/deliveries?", "/deliveries/actions?", 1
    )


def _done(visit: Visit) -> str:
    given = (visit.fields.get(name, "") for name in ("did", "deliveries", "events"))
    return delivery_words.done_sentence(*given)
