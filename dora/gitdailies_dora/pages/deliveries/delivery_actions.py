"""Actions on deliveries, for owners: on one, or on all that a filter chooses after their number was shown."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from gitdailies_connection.relay import answers
from gitdailies_connection.relay.client import RelayClient
from gitdailies_core.errors import RelayFault
from starlette.responses import Response

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.pages.deliveries import delivery_words
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay, filters_of, with_times
from gitdailies_dora.pages.deliveries.delivery_words import CLOSE
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup, no_such_page

_LONGEST_REASON = 300
Value = TypeVar("Value")


class _Wrong(NamedTuple):
    """Why an action was not done: a sentence above its form, or one next to the field for the reason."""

    error: str = ""
    reason_error: str = ""
    status: int = 200


_NOTHING_WRONG = _Wrong()


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

    async def confirm(self, visit: Visit, wrong: _Wrong = _NOTHING_WRONG) -> Response:
        """Ask to confirm an action on one delivery, and for the reason where one is needed."""
        relay, id_, step = self._step(visit)
        incident, back = visit.fields.get("incident", ""), delivery_words.address_of(relay, id_)
        return self._ask(
            visit,
            step,
            wrong,
            "delivery-act.html",
            question=f"{delivery_words.STEPS[step]}{'' if step == CLOSE else ' this delivery'}?",
            button=delivery_words.STEPS[step],
            meaning=delivery_words.MEANINGS[step][0],
            facts=await self._facts(relay, id_, incident),
            trail=[(delivery_words.list_address(relay, {}), "Deliveries"), (back, "Delivery")],
            post_to=delivery_words.address_of(relay, id_, step),
            hidden={"incident": incident} if incident else {},
            back=back,
        )

    async def act(self, visit: Visit) -> Response:
        """Act on one delivery."""
        relay, id_, step = self._step(visit)
        body = _body(visit)
        if incident := visit.fields.get("incident", "")[:_LONGEST_REASON]:
            body["incident"] = incident
        path = f"/deliveries/{id_}/{step}"
        done = await self._act(
            relay, step, body, lambda client: client.post(path, body, answers.ActionResult)
        )
        if isinstance(done, _Wrong):
            return await self.confirm(visit, done)
        detail = {"relay": relay, "reason": body["reason"], "events": list(done.events)}
        await self._note(visit, f"delivery.{step}", id_, detail)
        did = f"?did={step}&deliveries={len(done.deliveries)}&events={len(done.events)}"
        return self._site.redirect(delivery_words.address_of(relay, id_) + did)

    async def confirm_pause(self, visit: Visit, wrong: _Wrong = _NOTHING_WRONG) -> Response:
        """Ask to confirm a pause of a source or of everything, or its end."""
        relay, action, source = self._pausing(visit)
        back = delivery_words.list_address(relay, {})
        of_source, of_all, _ = delivery_words.PAUSING[action]
        return self._ask(
            visit,
            action,
            wrong,
            "delivery-act.html",
            question=f"{action.capitalize()} sending for {source or 'every source'}?",
            button=action.capitalize() if source else f"{action.capitalize()} all",
            meaning=of_source if source else of_all,
            facts=[],
            trail=[(back, "Deliveries")],
            post_to="/deliveries/pauses",
            hidden={"relay": relay, "action": action, "source": source},
            back=back,
        )

    async def pause(self, visit: Visit) -> Response:
        """Pause or resume a source or everything."""
        relay, action, source = self._pausing(visit)
        body = _body(visit) | ({"source": source} if source else {})
        done = await self._act(
            relay, action, body, lambda client: client.post(f"/{action}", body, answers.PauseResult)
        )
        if isinstance(done, _Wrong):
            return await self.confirm_pause(visit, done)
        detail = {"relay": relay, "reason": body["reason"]}
        await self._note(visit, f"delivery.{action}", source or relay, detail)
        return self._site.redirect(delivery_words.list_address(relay, {}, did=action))

    async def send_example(self, visit: Visit) -> Response:
        """Have the relay send an example of a source, and show what became of it."""
        relay, source = (visit.request.path_params[name] for name in ("relay", "source"))
        if relay not in self._site.relays.names:
            raise no_such_page()
        path = f"/sources/{source}/example"
        try:
            sent = await self._site.relays.ask(
                relay, lambda client: client.post(path, {"person": visit.user.name}, answers.ExampleDelivery)
            )
        except RelayFault as fault:
            return self._site.message(visit, 502, "No example was sent", f"{fault}. {fault.remedy}")
        delivery = sent.delivery
        await self._note(visit, "example.sent", source, {"relay": relay, "delivery": delivery})
        return self._site.redirect(
            f"{delivery_words.address_of(relay, delivery)}?did={delivery_words.EXAMPLE}"
        )

    async def confirm_many(self, visit: Visit, wrong: _Wrong = _NOTHING_WRONG) -> Response:
        """Show how many deliveries an action would be about, and ask to confirm it."""
        relay, action = self._many(visit)
        filters, zone = filters_of(visit), self._site.settings.zone
        chosen_by = {**with_times(filters, zone), "bodies": "true"}
        body = {**_body(visit), "action": action, "reason": "not yet", "filter": chosen_by, "dryRun": True}
        counted, fault = await self._site.relays.answer(
            relay, lambda client: client.post("/deliveries/actions", body, answers.CountedDeliveries)
        )
        if fault:
            wrong = _Wrong(f"{fault}. {fault.remedy}", status=fault.status_hint)
        return self._ask(
            visit,
            action,
            wrong,
            "deliveries-act.html",
            relay=relay,
            action=action,
            title=delivery_words.STEPS[action],
            meaning=delivery_words.MEANINGS[action][counted is None or counted.count != 1],
            counted=counted,
            chosen=[] if counted is None else delivery_words.chosen(counted.filter, zone),
            filters=filters,
            back=delivery_words.list_address(relay, filters),
        )

    async def act_on_many(self, visit: Visit) -> Response:
        """Act on the deliveries that were counted. If others match meanwhile, count again."""
        relay, action = self._many(visit)
        given = {name: visit.fields.get(f"chosen_{name}", "") for name in delivery_words.FILTERS}
        kept = {name: text for name, text in given.items() if text}
        body = {
            **_body(visit),
            "action": action,
            "filter": {**kept, "bodies": "true"},
            "confirm": visit.fields.get("confirm", ""),
        }
        path = "/deliveries/actions"
        done = await self._act(
            relay,
            action,
            body,
            lambda client: client.confirm(path, body, answers.ActionResult, answers.Conflict),
        )
        if isinstance(done, answers.Conflict):
            done = _Wrong("Other deliveries match now. Check the number again.", status=409)
        if isinstance(done, _Wrong):
            return await self.confirm_many(visit, done)
        number = len(done.deliveries)
        detail = {"relay": relay, "reason": body["reason"], "filter": kept, "deliveries": number}
        await self._note(visit, f"delivery.{action}", f"{number} deliveries", detail)
        did = {"did": action, "deliveries": str(number), "events": str(len(done.events))}
        return self._site.redirect(
            delivery_words.list_address(relay, {"source": kept.get("source", "")}, **did)
        )

    async def _act(
        self,
        relay: str,
        action: str,
        body: Mapping[str, Any],
        request: Callable[[RelayClient], Value],
    ) -> Value | _Wrong:
        """Have a relay act, unless the reason is missing; return its answer, or why there is none."""
        if action in delivery_words.NEEDS_REASON and not body["reason"]:
            return _Wrong(reason_error="Enter a reason.", status=422)
        try:
            return await self._site.relays.ask(relay, request)
        except RelayFault as fault:
            return _Wrong(f"{fault}. {fault.remedy}", status=502)

    def _ask(self, visit: Visit, action: str, wrong: _Wrong, template: str, /, **shown: Any) -> Response:
        shown |= {
            "needs_reason": action in delivery_words.NEEDS_REASON,
            "reason": visit.fields.get("reason", ""),
            "is_danger": action == delivery_words.DISCARD,
        }
        return self._site.render(visit, template, **wrong._asdict(), **shown)

    async def _facts(self, relay: str, id_: str, incident: str) -> list[tuple[str, str]]:
        """Return the facts of a delivery for the confirmation page; none if the relay does not have it."""
        found, _ = await self._site.relays.answer(
            relay, lambda client: client.get(f"/deliveries/{id_}", answers.ShownDelivery)
        )
        return [] if found is None else delivery_words.about(found, incident, self._site.settings.zone)

    def _step(self, visit: Visit) -> tuple[str, str, str]:
        """Return the relay, the delivery and the step that an address names."""
        relay, id_, step = (visit.request.path_params[name] for name in ("relay", "id", "step"))
        if relay not in self._site.relays.names or step not in delivery_words.STEPS:
            raise no_such_page()
        return relay, id_, step

    def _pausing(self, visit: Visit) -> tuple[str, str, str]:
        """Return the relay, the action and the source that a form names."""
        action = visit.fields.get("action", "")
        relay = chosen_relay(visit, self._site.relays.names or ("",))
        return (
            relay,
            action if action in delivery_words.PAUSING else delivery_words.PAUSE,
            visit.fields.get("source", "")[:100],
        )

    def _many(self, visit: Visit) -> tuple[str, str]:
        """Return the relay and the action that a form names; replay, where it names none of ours."""
        action = visit.fields.get("action", "")
        names = self._site.relays.names
        return chosen_relay(visit, names or ("",)), action if action in delivery_words.STEPS else "replay"

    async def _note(self, visit: Visit, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Add a line to the audit trail. The relay has its own about the same action."""
        await self._write(visit, write_audit, action=action, subject=subject, detail=detail)
        self._site.log.info("delivery action", action=action, subject=subject, person=visit.user.name)


def _body(visit: Visit) -> dict[str, Any]:
    reason = visit.fields.get("reason", "").strip()[:_LONGEST_REASON]
    return {"person": visit.user.name, "reason": reason}
