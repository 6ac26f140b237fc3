"""Actions on deliveries, for owners: on one, or on all that a filter chooses after their number was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_connection.relay.answers import (
    ActionResult,
    Conflict,
    CountedDeliveries,
    ExampleDelivery,
    PauseResult,
    ShownDelivery,
)
from gitdailies_core.errors import RelayFault
from starlette.responses import Response

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay, filters_of, with_times
from gitdailies_dora.pages.deliveries.delivery_words import (
    DISCARD,
    EXAMPLE,
    FILTERS,
    MEANINGS,
    NEEDS_REASON,
    PAUSE,
    PAUSING,
    QUESTIONS,
    STEPS,
    about,
    address_of,
    chosen,
    list_address,
)
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup

_LONGEST_REASON = 300
NO_REASON = "Enter a reason."


class DeliveryActionPages(PageGroup):
    """Pages that ask to confirm an action, and the actions."""

    def pages(self) -> list[Page]:
        return [
            Page("/deliveries/actions", self.confirm_many, needs=OWNERS),
            Page("/deliveries/actions", self.act_on_many, "POST", needs=OWNERS),
            Page("/deliveries/pauses", self.confirm_pause, needs=OWNERS),
            Page("/deliveries/pauses", self.pause, "POST", needs=OWNERS),
            Page("/deliveries/{relay}/sources/{source}/example", self.send_example, "POST", needs=OWNERS),
            Page("/deliveries/{relay}/{id}/{step}", self.confirm, needs=OWNERS),
            Page("/deliveries/{relay}/{id}/{step}", self.act, "POST", needs=OWNERS),
        ]

    async def confirm(self, visit: Visit) -> Response:
        """Ask to confirm an action on one delivery, and for the reason where one is needed."""
        if not self._is_known(visit):
            return self._site.not_found(visit)
        return await self._form(visit)

    async def act(self, visit: Visit) -> Response:
        """Act on one delivery."""
        if not self._is_known(visit):
            return self._site.not_found(visit)
        relay, id_, step = (visit.request.path_params[name] for name in ("relay", "id", "step"))
        reason = _reason(visit)
        if step in NEEDS_REASON and not reason:
            return await self._form(visit, reason_error=NO_REASON, status=422)
        body = {"person": visit.user.name, "reason": reason}
        if incident := visit.fields.get("incident", "")[:_LONGEST_REASON]:
            body["incident"] = incident
        try:
            done = await self._site.relays.ask(
                relay, lambda client: client.post(f"/deliveries/{id_}/{step}", body, ActionResult)
            )
        except RelayFault as fault:
            return await self._form(visit, error=f"{fault}. {fault.remedy}", status=502)
        await self._note(
            visit, f"delivery.{step}", id_, {"relay": relay, "reason": reason, "events": list(done.events)}
        )
        did = f"?did={step}&deliveries={len(done.deliveries)}&events={len(done.events)}"
        return self._site.redirect(address_of(relay, id_) + did)

    async def confirm_pause(self, visit: Visit) -> Response:
        """Ask to confirm a pause of a source or of everything, or its end."""
        return self._pause_form(visit)

    async def pause(self, visit: Visit) -> Response:
        """Pause or resume a source or everything."""
        relay, action, source = self._pausing(visit)
        reason = _reason(visit)
        if action in NEEDS_REASON and not reason:
            return self._pause_form(visit, reason_error=NO_REASON, status=422)
        body = {"person": visit.user.name, "reason": reason, **({"source": source} if source else {})}
        try:
            await self._site.relays.ask(relay, lambda client: client.post(f"/{action}", body, PauseResult))
        except RelayFault as fault:
            return self._pause_form(visit, error=f"{fault}. {fault.remedy}", status=502)
        await self._note(visit, f"delivery.{action}", source or relay, {"relay": relay, "reason": reason})
        return self._site.redirect(list_address(relay, {}, did=action))

    async def send_example(self, visit: Visit) -> Response:
        """Have the relay send an example of a source, and show what became of it."""
        relay, source = (visit.request.path_params[name] for name in ("relay", "source"))
        if relay not in self._site.relays.names:
            return self._site.not_found(visit)
        path = f"/sources/{source}/example"
        try:
            sent = await self._site.relays.ask(
                relay, lambda client: client.post(path, {"person": visit.user.name}, ExampleDelivery)
            )
        except RelayFault as fault:
            return self._site.message(visit, 502, "No example was sent", f"{fault}. {fault.remedy}")
        delivery = sent.delivery
        await self._note(visit, "example.sent", source, {"relay": relay, "delivery": delivery})
        return self._site.redirect(f"{address_of(relay, delivery)}?did={EXAMPLE}")

    async def confirm_many(self, visit: Visit) -> Response:
        """Show how many deliveries an action would be about, and ask to confirm it."""
        return await self._count(visit)

    async def act_on_many(self, visit: Visit) -> Response:
        """Act on the deliveries that were counted. Where others fit meanwhile, count again."""
        relay, action = self._many(visit)
        reason = _reason(visit)
        if action in NEEDS_REASON and not reason:
            return await self._count(visit, reason_error=NO_REASON, status=422)
        chosen = {
            name: visit.fields.get(f"chosen_{name}", "")
            for name in FILTERS
            if visit.fields.get(f"chosen_{name}", "")
        }
        body = {
            "action": action,
            "person": visit.user.name,
            "reason": reason,
            "filter": {**chosen, "bodies": "true"},
            "confirm": visit.fields.get("confirm", ""),
        }
        path = "/deliveries/actions"
        try:
            done = await self._site.relays.ask(
                relay, lambda client: client.confirm(path, body, ActionResult, Conflict)
            )
        except RelayFault as fault:
            return await self._count(visit, error=f"{fault}. {fault.remedy}", status=502)
        if isinstance(done, Conflict):
            return await self._count(
                visit, error="Other deliveries match now. Check the number again.", status=409
            )
        detail = {"relay": relay, "reason": reason, "filter": chosen, "deliveries": len(done.deliveries)}
        await self._note(visit, f"delivery.{action}", f"{len(done.deliveries)} deliveries", detail)
        did = {"did": action, "deliveries": str(len(done.deliveries)), "events": str(len(done.events))}
        return self._site.redirect(list_address(relay, {"source": chosen.get("source", "")}, **did))

    async def _count(
        self, visit: Visit, *, error: str = "", reason_error: str = "", status: int = 200
    ) -> Response:
        relay, action = self._many(visit)
        filters = filters_of(visit)
        body = {
            "action": action,
            "person": visit.user.name,
            "reason": "not yet",
            "filter": {**with_times(filters, self._site.settings.zone), "bodies": "true"},
            "dryRun": True,
        }
        counted: CountedDeliveries | None = None
        try:
            counted = await self._site.relays.ask(
                relay, lambda client: client.post("/deliveries/actions", body, CountedDeliveries)
            )
        except RelayFault as fault:
            error, status = f"{fault}. {fault.remedy}", fault.status_hint
        return self._site.render(
            visit,
            "deliveries-act.html",
            status=status,
            relay=relay,
            action=action,
            title=STEPS[action],
            meaning=MEANINGS[action][counted is None or counted.count != 1],
            counted=counted,
            chosen=[] if counted is None else chosen(counted.filter, self._site.settings.zone),
            needs_reason=action in NEEDS_REASON,
            reason=visit.fields.get("reason", ""),
            filters=filters,
            back=list_address(relay, filters),
            error=error,
            reason_error=reason_error,
        )

    async def _form(
        self, visit: Visit, *, error: str = "", reason_error: str = "", status: int = 200
    ) -> Response:
        relay, id_, step = (visit.request.path_params[name] for name in ("relay", "id", "step"))
        incident, back = visit.fields.get("incident", ""), address_of(relay, id_)
        return self._site.render(
            visit,
            "delivery-act.html",
            status=status,
            question=QUESTIONS[step],
            button=STEPS[step],
            meaning=MEANINGS[step][0],
            facts=await self._facts(relay, id_, incident),
            trail=[(list_address(relay, {}), "Deliveries"), (back, "Delivery")],
            post_to=address_of(relay, id_, step),
            hidden={"incident": incident} if incident else {},
            back=back,
            is_danger=step == DISCARD,
            needs_reason=step in NEEDS_REASON,
            reason=visit.fields.get("reason", ""),
            error=error,
            reason_error=reason_error,
        )

    async def _facts(self, relay: str, id_: str, incident: str) -> list[tuple[str, str]]:
        """Return what a question is about; nothing where the relay does not say it."""
        try:
            found = await self._site.relays.ask(
                relay, lambda client: client.get(f"/deliveries/{id_}", ShownDelivery)
            )
        except RelayFault:
            return []
        return [] if found is None else about(found, incident, self._site.settings.zone)

    def _pause_form(
        self, visit: Visit, *, error: str = "", reason_error: str = "", status: int = 200
    ) -> Response:
        relay, action, source = self._pausing(visit)
        back = list_address(relay, {})
        of_source, of_all, _ = PAUSING[action]
        return self._site.render(
            visit,
            "delivery-act.html",
            status=status,
            question=f"{action.capitalize()} sending for {source or 'every source'}?",
            button=action.capitalize() if source else f"{action.capitalize()} all",
            meaning=of_source if source else of_all,
            facts=[],
            trail=[(back, "Deliveries")],
            post_to="/deliveries/pauses",
            hidden={"relay": relay, "action": action, "source": source},
            back=back,
            is_danger=False,
            needs_reason=action in NEEDS_REASON,
            reason=visit.fields.get("reason", ""),
            error=error,
            reason_error=reason_error,
        )

    def _is_known(self, visit: Visit) -> bool:
        given = visit.request.path_params
        return given["relay"] in self._site.relays.names and given["step"] in STEPS

    def _pausing(self, visit: Visit) -> tuple[str, str, str]:
        """Return the relay, the action and the source that a form names."""
        action = visit.fields.get("action", "")
        relay = chosen_relay(visit, self._site.relays.names or ("",))
        return relay, action if action in PAUSING else PAUSE, visit.fields.get("source", "")[:100]

    def _many(self, visit: Visit) -> tuple[str, str]:
        """Return the relay and the action that a form names; replay, where it names none of ours."""
        action = visit.fields.get("action", "")
        names = self._site.relays.names
        return chosen_relay(visit, names or ("",)), action if action in STEPS else "replay"

    async def _note(self, visit: Visit, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Add a line to the audit trail. The relay has its own about the same action."""
        await self._write(visit, write_audit, action=action, subject=subject, detail=detail)
        self._site.log.info("delivery action", action=action, subject=subject, person=visit.user.name)


def _reason(visit: Visit) -> str:
    return visit.fields.get("reason", "").strip()[:_LONGEST_REASON]
