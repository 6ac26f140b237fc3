"""Actions on deliveries, for owners: on one, or on all that a filter chooses after their number was shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gitdailies_connection.relay.answers import counted_of, done_of, example_of
from gitdailies_connection.relay.values import Counted, Done
from gitdailies_core.errors import RelayFault
from starlette.responses import Response

from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.pages.deliveries import chosen_relay, filters_of, with_times
from gitdailies_webhooks.pages.delivery_words import (
    EXAMPLE,
    FILTERS,
    MEANINGS,
    NEEDS_REASON,
    STEPS,
    address_of,
    list_address,
)
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.site import OWNERS, Page, Site

_LONGEST_REASON = 300


class DeliveryActionPages:
    """Pages that ask to confirm an action, and the actions."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [
            Page("/deliveries/actions", self.confirm_many, needs=OWNERS),
            Page("/deliveries/actions", self.act_on_many, "POST", needs=OWNERS),
            Page("/deliveries/{relay}/sources/{source}/example", self.send_example, "POST", needs=OWNERS),
            Page("/deliveries/{relay}/{id}/{step}", self.confirm, needs=OWNERS),
            Page("/deliveries/{relay}/{id}/{step}", self.act, "POST", needs=OWNERS),
        ]

    async def confirm(self, visit: Visit) -> Response:
        """Ask to confirm an action on one delivery, and for the reason where one is needed."""
        if not self._is_known(visit):
            return self._site.not_found(visit)
        return self._form(visit)

    async def act(self, visit: Visit) -> Response:
        """Act on one delivery."""
        if not self._is_known(visit):
            return self._site.not_found(visit)
        relay, id_, step = (visit.request.path_params[name] for name in ("relay", "id", "step"))
        reason = visit.fields.get("reason", "").strip()[:_LONGEST_REASON]
        if step in NEEDS_REASON and not reason:
            return self._form(visit, error="Enter a reason.", status=422)
        body = {"person": visit.user.name, "reason": reason}
        if incident := visit.fields.get("incident", "")[:_LONGEST_REASON]:
            body["incident"] = incident
        try:
            done: Done | None = await self._site.relays.ask(
                relay, lambda client: client.post(f"/deliveries/{id_}/{step}", body)[1], done_of
            )
        except RelayFault as fault:
            return self._form(visit, error=f"{fault}. {fault.remedy}", status=502)
        assert done is not None
        await self._note(
            visit, f"delivery.{step}", id_, {"relay": relay, "reason": reason, "events": list(done.events)}
        )
        did = f"?did={step}&deliveries={done.deliveries}&events={len(done.events)}"
        return self._site.redirect(address_of(relay, id_) + did)

    async def send_example(self, visit: Visit) -> Response:
        """Have the relay send an example of a source, and show what became of it."""
        relay, source = (visit.request.path_params[name] for name in ("relay", "source"))
        if relay not in self._site.relays.names:
            return self._site.not_found(visit)
        path = f"/sources/{source}/example"
        try:
            delivery: str | None = await self._site.relays.ask(
                relay, lambda client: client.post(path, {"person": visit.user.name})[1], example_of
            )
        except RelayFault as fault:
            return self._site.message(visit, 502, "No example was sent", f"{fault}. {fault.remedy}")
        assert delivery is not None
        await self._note(visit, "example.sent", source, {"relay": relay, "delivery": delivery})
        return self._site.redirect(f"{address_of(relay, delivery)}?did={EXAMPLE}")

    async def confirm_many(self, visit: Visit) -> Response:
        """Show how many deliveries an action would be about, and ask to confirm it."""
        return await self._count(visit)

    async def act_on_many(self, visit: Visit) -> Response:
        """Act on the deliveries that were counted. Where others fit meanwhile, count again."""
        relay, action = self._many(visit)
        reason = visit.fields.get("reason", "").strip()[:_LONGEST_REASON]
        if action in NEEDS_REASON and not reason:
            return await self._count(visit, error="Enter a reason.", status=422)
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
        status = 200

        def ask(client: Any) -> Any:
            nonlocal status
            status, answer = client.post("/deliveries/actions", body)
            return answer

        try:
            done: Any = await self._site.relays.ask(
                relay, ask, lambda answer: done_of(answer) if status == 200 else counted_of(answer)
            )
        except RelayFault as fault:
            return await self._count(visit, error=f"{fault}. {fault.remedy}", status=502)
        if isinstance(done, Counted):
            return await self._count(
                visit, error="Other deliveries match now. Check the number again.", status=409
            )
        detail = {"relay": relay, "reason": reason, "filter": chosen, "deliveries": done.deliveries}
        await self._note(visit, f"delivery.{action}", f"{done.deliveries} deliveries", detail)
        did = {"did": action, "deliveries": str(done.deliveries), "events": str(len(done.events))}
        return self._site.redirect(list_address(relay, {"source": chosen.get("source", "")}, **did))

    async def _count(self, visit: Visit, *, error: str = "", status: int = 200) -> Response:
        relay, action = self._many(visit)
        filters = filters_of(visit)
        body = {
            "action": action,
            "person": visit.user.name,
            "reason": "not yet",
            "filter": {**with_times(filters), "bodies": "true"},
            "dryRun": True,
        }
        counted: Counted | None = None
        try:
            counted = await self._site.relays.ask(
                relay, lambda client: client.post("/deliveries/actions", body)[1], counted_of
            )
        except RelayFault as fault:
            error, status = f"{fault}. {fault.remedy}", 502
        return self._site.render(
            visit,
            "deliveries-act.html",
            status=status,
            relay=relay,
            action=action,
            title=STEPS[action],
            meaning=MEANINGS[action],
            counted=counted,
            needs_reason=action in NEEDS_REASON,
            reason=visit.fields.get("reason", ""),
            filters=filters,
            back=list_address(relay, filters),
            error=error,
        )

    def _form(self, visit: Visit, *, error: str = "", status: int = 200) -> Response:
        relay, id_, step = (visit.request.path_params[name] for name in ("relay", "id", "step"))
        return self._site.render(
            visit,
            "delivery-act.html",
            status=status,
            relay=relay,
            id=id_,
            step=step,
            title=STEPS[step],
            meaning=MEANINGS[step],
            needs_reason=step in NEEDS_REASON,
            reason=visit.fields.get("reason", ""),
            incident=visit.fields.get("incident", ""),
            address=partial(address_of, relay, id_),
            error=error,
        )

    def _is_known(self, visit: Visit) -> bool:
        given = visit.request.path_params
        return given["relay"] in self._site.relays.names and given["step"] in STEPS

    def _many(self, visit: Visit) -> tuple[str, str]:
        """Return the relay and the action that a form names; replay, where it names none of ours."""
        action = visit.fields.get("action", "")
        names = self._site.relays.names
        return chosen_relay(visit, names or ("",)), action if action in STEPS else "replay"

    async def _note(self, visit: Visit, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Add a line to the audit trail. The relay has its own about the same action."""
        now = self._site.clock()
        await self._site.store.write(
            partial(
                write_audit,
                now=now,
                actor=visit.user.name,
                action=action,
                subject=subject,
                detail=detail,
            )
        )
        self._site.log.info("delivery action", action=action, subject=subject, person=visit.user.name)
