"""Settings → Services: those without a line in gitdailies.yml, and where each other one counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import urlencode

from gitdailies_connection.relay.answers import ActionResult, ServiceReport
from gitdailies_core.errors import RelayFault
from starlette.responses import Response

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.derived.read.figures import known_names
from gitdailies_dora.events.records import moves
from gitdailies_dora.events.records.moves import Move
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay
from gitdailies_dora.pages.deliveries.delivery_words import list_address
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup

SERVICES = "/settings/services"
_LONGEST = 300
# `name` is that of a service whose line has its id.
_FIELDS = ("service", "name", "repo", "environment")
_NOTHING_WRONG = MappingProxyType(dict.fromkeys(_FIELDS, ""))


class ServicePages(PageGroup):
    """The page of services, and the forms that map one, and change its line."""

    def pages(self) -> list[Page]:
        return [
            Page(SERVICES, self.show),
            Page(SERVICES, self.map, "POST", needs=OWNERS),
        ]

    async def show(self, visit: Visit) -> Response:
        """List services without a line, and the lines of gitdailies.yml."""
        return await self._page(visit)

    async def map(self, visit: Visit) -> Response:
        """Have the relay write, change or remove the line of a service, and replay what waits for it."""
        site, fields = self._site, visit.fields
        if not site.relays.names:
            return site.not_found(visit)
        relay, change = chosen_relay(visit, site.relays.names), fields.get("change", "add")
        given = {name: fields.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
        ignored = fields.get("ignore") == "yes"
        if ignored or change == "remove":
            given |= {"repo": "", "environment": ""}
        elif given["repo"] and "{" not in given["repo"]:
            await site.catch_up()
            meant = partial(known_names.destination, name=given["repo"], settings=site.settings)
            repo, question = await site.store.ask(meant)
            if question and fields.get("new") != "yes":
                return await self._page(visit, error=f"{question}.", wrong=given, status=422, asks=True)
            given["repo"] = repo
        body = {**given, "ignore": ignored, "change": change, "person": visit.user.name}
        try:
            done = await site.relays.ask(relay, lambda client: client.post("/services", body, ActionResult))
        except RelayFault as fault:
            return await self._page(visit, error=f"{fault}.", wrong=given, status=422)
        service = given["service"]
        before = {name: fields.get(f"was_{name}", "").strip()[:_LONGEST] for name in ("repo", "environment")}
        detail = {"relay": relay, **given, "ignored": ignored, "change": change, "before": before}
        detail["events"] = list(done.events)
        await self._write(visit, write_audit, action="service.mapped", subject=service, detail=detail)
        site.log.info("service mapped", service=service, change=change, person=visit.user.name)
        if change == "add":
            did = {"did": "replay", "deliveries": str(len(done.deliveries)), "events": str(len(done.events))}
            return site.redirect(list_address(relay, {"service": given["name"] or service}, **did))
        repo = given["repo"] or before["repo"]
        if given["repo"] and before["repo"] and given["repo"] != before["repo"]:
            moving = Move(before["repo"], repo)
            found = await site.store.ask(partial(moves.find, wish=moving, renames=site.settings.renames))
            # A line may have the id of a service, which events do not have.
            named = next((name for name in found.services if name.casefold() == service.casefold()), "")
            if found.events:
                reason = f"the line of {service} named another repository"
                query = {"repo": before["repo"], "to": repo, "service": named, "reason": reason}
                return site.redirect(f"/events/move?{urlencode(query)}")
        undo = {"undo": service, "repo": before["repo"], "environment": before["environment"]}
        return site.redirect(f"{SERVICES}?{urlencode({'relay': relay, **undo})}")

    async def _page(
        self,
        visit: Visit,
        *,
        error: str = "",
        wrong: Mapping[str, str] = _NOTHING_WRONG,
        status: int = 200,
        asks: bool = False,
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
        known = await self._site.store.ask(partial(known_names.deploying, settings=self._site.settings))
        return self._site.render(
            visit,
            "services.html",
            repos=list(known.values()),
            status=status,
            relay=relay,
            relay_links=[(name, f"{SERVICES}?relay={name}", name == relay) for name in relays.names],
            found=found,
            fault=fault,
            error=error,
            wrong=wrong,
            asks=asks,
            undo={name: visit.fields.get(name, "") for name in ("undo", "repo", "environment")},
            waiting_address=list_address(relay, {"outcome": "unmapped"}),
            replay_address=f"/deliveries/actions?relay={relay}&action=replay&outcome=unmapped",
            of_service=lambda name: list_address(relay, {"service": name}),
        )
