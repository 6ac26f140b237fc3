"""The page of refused requests: wrong proofs at the relays, and wrong requests to the DORA server."""

from gitdailies_connection.relay.answers import RefusalPage
from starlette.responses import Response

from gitdailies_dora.accounts.keys import key_store
from gitdailies_dora.accounts.keys.wrong_requests import WrongRequest, wrong_requests
from gitdailies_dora.events.problem import PROBLEMS
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import Page, PageGroup
from gitdailies_dora.pages.settings.webhook_keys import MANAGE

_PAGE = "50"
# What a sender has to do about a status.
_REMEDIES = {
    400: "Correct the request at the sender.",
    401: "Compare the secret at the tool with the source's secret. They must match in full.",
    404: "Correct the address at the tool, or add the source to gitdailies.yml.",
    405: "Let the tool send with POST.",
    413: "Let the tool send at most 1 MiB.",
    415: "Let the tool send JSON without compression.",
}


class RefusedPages(PageGroup):
    """The page of refused requests."""

    def pages(self) -> list[Page]:
        return [Page("/deliveries/refused", self.show)]

    async def show(self, visit: Visit) -> Response:
        """List refused requests in groups. Only an owner sees addresses and keys."""
        relays = self._site.relays
        relay = chosen_relay(visit, relays.names) if relays.names else ""
        query = {"limit": _PAGE}
        if after := visit.fields.get("after", "")[:200]:
            query["after"] = after
        found, fault = await relays.answer(
            relay, lambda client: client.get("/refusals", RefusalPage, **query)
        )
        wrong, keys = [], {}
        if visit.is_owner:
            wrong = await self._site.store.read(wrong_requests)
            keys = {key.id: key for key in await self._site.store.read(key_store.all_keys)}
        return self._site.render(
            visit,
            "refused.html",
            status=200 if fault is None else 502,
            relay=relay,
            relay_links=[(name, f"/deliveries/refused?relay={name}", name == relay) for name in relays.names],
            groups=found.refusals if found else (),
            remedies=_REMEDIES,
            more=f"/deliveries/refused?relay={relay}&after={found.next}" if found and found.next else None,
            fault=fault,
            wrong=[(keys[one.key_id], one, _status(one)) for one in wrong if one.key_id in keys],
            unknown=self._site.unknown_keys.newest() if visit.is_owner else [],
            manage=MANAGE,
        )


def _status(one: WrongRequest) -> int | None:
    """Return the status of a mistake; None for one that an earlier version noted under another word."""
    return PROBLEMS[one.problem].status if one.problem in PROBLEMS else None
