"""Settings → Services: those without a line in gitdailies.yml, and where each other one counts."""

from __future__ import annotations

from gitdailies_connection.relay.answers import ActionResult, ServiceReport
from gitdailies_core.errors import RelayFault
from starlette.responses import Response

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay
from gitdailies_dora.pages.deliveries.delivery_words import list_address
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup

SERVICES = "/settings/services"
_LONGEST = 300


class ServicePages(PageGroup):
    """The page of services, and the form that maps one."""

    def pages(self) -> list[Page]:
        return [
            Page(SERVICES, self.show),
            Page(SERVICES, self.map, "POST", needs=OWNERS),
        ]

    async def show(self, visit: Visit) -> Response:
        """List services without a line, and the lines of gitdailies.yml."""
        return await self._page(visit)

    async def map(self, visit: Visit) -> Response:
        """Have the relay write the line of a service, and replay what waits for it."""
        if not self._site.relays.names:
            return self._site.not_found(visit)
        relay = chosen_relay(visit, self._site.relays.names)
        names = ("service", "repo", "environment")
        given = {name: visit.fields.get(name, "").strip()[:_LONGEST] for name in names}
        ignored = visit.fields.get("ignore") == "yes"
        if ignored:
            given = {"service": given["service"], "repo": "", "environment": ""}
        body = {**given, "ignore": ignored, "person": visit.user.name}
        try:
            done = await self._site.relays.ask(
                relay, lambda client: client.post("/services", body, ActionResult)
            )
        except RelayFault as fault:
            return await self._page(visit, error=f"{fault}.", wrong=given, status=422)
        detail = {"relay": relay, **given, "ignored": ignored, "events": list(done.events)}
        service = given["service"]
        await self._write(visit, write_audit, action="service.mapped", subject=service, detail=detail)
        self._site.log.info("service mapped", service=service, person=visit.user.name)
        did = {"did": "replay", "deliveries": str(len(done.deliveries)), "events": str(len(done.events))}
        return self._site.redirect(list_address(relay, {"service": service}, **did))

    async def _page(
        self, visit: Visit, *, error: str = "", wrong: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        relays = self._site.relays
        relay = chosen_relay(visit, relays.names) if relays.names else ""
        found: ServiceReport | None = None
        fault: RelayFault | None = None
        if relay:
            try:
                found = await relays.ask(relay, lambda client: client.get("/services", ServiceReport))
            except RelayFault as one:
                fault, status = one, 502
        return self._site.render(
            visit,
            "services.html",
            status=status,
            relay=relay,
            relay_links=[(name, f"{SERVICES}?relay={name}", name == relay) for name in relays.names],
            found=found,
            fault=fault,
            error=error,
            wrong=wrong or {},
            waiting_address=list_address(relay, {"outcome": "unmapped"}),
            replay_address=f"/deliveries/actions?relay={relay}&action=replay&outcome=unmapped",
            of_service=lambda name: list_address(relay, {"service": name}),
        )
