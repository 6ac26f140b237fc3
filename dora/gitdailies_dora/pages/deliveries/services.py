"""Settings → Services: those without a line in gitdailies.yml, and where each other one counts."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import urlencode

from gitdailies_connection.relay.answers import ActionResult, ServiceReport, ServiceUse, SuggestedService
from gitdailies_core.errors import RelayFault
from gitdailies_core.values.nearest_name import nearest
from gitdailies_core.values.patterns import matches
from gitdailies_core.values.renames import folded
from starlette.responses import Response

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.derived.read.figures import known_names
from gitdailies_dora.events.records import moves
from gitdailies_dora.events.records.moves import Move
from gitdailies_dora.figures.words.unknown_names import repository_of
from gitdailies_dora.operations.relays import services
from gitdailies_dora.pages.deliveries.delivery_pages import chosen_relay
from gitdailies_dora.pages.deliveries.delivery_words import done_sentence, list_address
from gitdailies_dora.pages.frame.event_links import move_url
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup, no_such_page

SERVICES = "/settings/services"
_LONGEST = 300
# `name` is that of a service whose line has its id.
_FIELDS = ("service", "name", "repo", "environment", "counts_as")
# What a person writes, as in gitdailies.yml, where incidents count without a service.
_NO_SERVICE = '""'
# The fields that say what a line was, and those of none.
_OF_A_LINE = ("change", "ignore", "repo", "environment", "counts_as")
_WRITES = ("", "add", "edit")
_NO_LINE = MappingProxyType({"change": "remove"})
_NOTHING_WRONG = MappingProxyType(dict.fromkeys(_FIELDS, ""))


class ServicePages(PageGroup):
    """The page of services, and the forms that map one, and change its line."""

    def pages(self) -> list[Page]:
        return [
            Page(SERVICES, self._page),
            Page(SERVICES, self.map, "POST", needs=OWNERS),
        ]

    async def map(self, visit: Visit) -> Response:
        """Have the relay write, change or remove the line of a service, and replay what waits for it."""
        site, fields = self._site, visit.fields
        if not site.relays.names:
            raise no_such_page()
        relay, change = chosen_relay(visit, site.relays.names), fields.get("change", "add")
        given = {name: fields.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
        given["repo"] = fields.get("instead", "")[:_LONGEST] or given["repo"]
        ignored = fields.get("ignore") == "yes"
        if ignored or change == "remove":
            given |= dict.fromkeys(("repo", "environment", "counts_as"), "")
        elif given["repo"] and "{" not in given["repo"]:
            await site.catch_up()
            meant = partial(known_names.destination, name=given["repo"], settings=site.settings)
            repo, question = await site.store.ask(meant)
            if question and fields.get("new") != "yes":
                return await self._page(visit, error=f"{question}.", wrong=given, status=422, asks=True)
            given["repo"] = repo
        line = {name: text for name, text in given.items() if name != "counts_as"}
        if given["counts_as"]:
            line["countsAs"] = given["counts_as"].replace(_NO_SERVICE, "")
        body = {**line, "ignore": ignored, "change": change, "person": visit.user.name}
        service = given["service"]
        try:
            report = await site.relays.ask(relay, services)
            wished = {name: fields[name] for name in _OF_A_LINE if fields.get(name, "") not in _WRITES}
            if fields.get("undo") == "yes" and wished == _former(_line_of(service, report)):
                error = f"There is nothing to {'redo' if fields.get('undone') == 'yes' else 'undo'}."
                return await self._page(visit, error=error, wrong=given, status=409)
            done = await site.relays.ask(relay, lambda client: client.post("/services", body, ActionResult))
        except RelayFault as fault:
            return await self._page(visit, error=f"{fault}.", wrong=given, status=422)
        was = _former(_line_of(service, report))
        detail = {"relay": relay, **given, "ignored": ignored, "change": change, "before": was}
        detail["events"] = list(done.events)
        await self._write(visit, write_audit, action="service.mapped", subject=service, detail=detail)
        site.log.info("service mapped", service=service, change=change, person=visit.user.name)
        query = {"relay": relay, "changed": service, "name": given["name"]}
        if done.deliveries:
            query |= {
                "did": "replay",
                "deliveries": f"{len(done.deliveries)}",
                "events": f"{len(done.events)}",
            }
        # What was counted stays, so that a line which counted something is not undone by its removal.
        if not (done.events and was == _NO_LINE):
            is_undone = fields.get("undo") == "yes" and fields.get("undone") != "yes"
            query |= {**was, "undone": "yes" if is_undone else ""}
        return site.redirect(f"{SERVICES}?{urlencode({key: text for key, text in query.items() if text})}")

    async def _page(
        self,
        visit: Visit,
        *,
        error: str = "",
        wrong: Mapping[str, str] = _NOTHING_WRONG,
        status: int = 200,
        asks: bool = False,
    ) -> Response:
        """List services without a line, and the lines of gitdailies.yml."""
        site, relays = self._site, self._site.relays
        relay = chosen_relay(visit, relays.names) if relays.names else ""
        found, fault = await relays.answer(relay, services)
        known = await site.store.ask(partial(known_names.deploying, settings=site.settings))
        changed = "" if error else visit.fields.get("changed", "")
        line = _line_of(changed, found)
        undo = {name: visit.fields[name] for name in _OF_A_LINE if visit.fields.get(name)}
        if undo == _former(line):
            undo = {}
        left, meant = 0, []
        reason = f"the line of {changed} named another repository"
        moving = Move(undo.get("repo", ""), line.targets[0].repo if line and line.targets else "")
        if changed and moving.to and folded(moving.repo) not in ("", folded(moving.to)):
            there = await site.store.ask(partial(moves.find, wish=moving, renames=site.settings.renames))
            # A line may have the id of a service, which events do not have.
            former = undo.get("counts_as", changed).replace(_NO_SERVICE, "")
            names = {folded(one) for one in (former, *(line.services if line else ()))}
            there_by_name = {folded(one): one for one in there.services}
            fitting = (one for one in there_by_name if one in names or matches(folded(changed), one))
            meant = [there_by_name[one] for one in fitting]
            moving = moving._replace(service=meant[0] if len(meant) == 1 else "")
            left = sum(there.services[one] for one in meant)
        return site.render(
            visit,
            "services.html",
            repos=list(known.values()),
            guess=partial(_guess, known=known),
            instead=nearest(wrong["repo"], known.values()) if asks else "",
            status=502 if fault else status,
            relay=relay,
            relay_links=[(name, f"{SERVICES}?relay={name}", name == relay) for name in relays.names],
            found=found,
            fault=fault,
            error=error,
            wrong=wrong,
            asks=asks,
            changed=changed,
            line_now=line,
            former=_former,
            undo={"change": "edit" if line else "add", **undo} if undo else {},
            undone=visit.fields.get("undone", ""),
            name=visit.fields.get("name", "") or changed,
            editing=visit.fields.get("edit", ""),
            done=done_sentence(*(visit.fields.get(name, "") for name in ("did", "deliveries", "events"))),
            moving=moving,
            left=0 if visit.fields.get("undone") else left,
            move_address=move_url(moving, reason),
            move_reason=reason if moving.service else "",
            waiting_address=list_address(relay, {"outcome": "unmapped"}),
            replay_address=f"/deliveries/actions?relay={relay}&action=replay&outcome=unmapped",
            of_service=lambda name: list_address(relay, {"service": name}),
        )


def _guess(one: SuggestedService, known: Mapping[str, str]) -> str:
    """Return the repository that a form names at first: one that will be accepted, or ""."""
    suggested = one.suggestion or ""
    found = (
        repository_of(name, known) for name in (suggested, suggested.partition("/")[2], one.service or "")
    )
    return next(filter(None, found), "" if known else suggested)


def _line_of(service: str, report: ServiceReport | None) -> ServiceUse | None:
    """Return the line of a service that the pages can change, if it has one."""
    lines = [one for one in report.mapped if one.file == report.file] if report else []
    return next((one for one in lines if one.name.casefold() == service.casefold()), None)


def _former(line: ServiceUse | None) -> dict[str, str]:
    """Return the fields of a form that write a line again; none for one with several targets."""
    if line is None:
        return dict(_NO_LINE)
    if line.ignored:
        return {"ignore": "yes"}
    if len(line.targets) != 1:
        return {}
    (target,) = line.targets
    counts_as = _NO_SERVICE if target.service == "" else target.service
    fields = {"repo": target.repo, "environment": target.environment, "counts_as": counts_as}
    return {name: text for name, text in fields.items() if text}
