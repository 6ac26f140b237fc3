"""One event, one deploy and one incident over HTTP, for keys that may read, and what people say about them.

Keys that may correct say what caused an incident, and whether a deploy failed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from gitdailies_core.error_text import got
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.api.access import Endpoints, lacking
from gitdailies_dora.api.endpoint import NOW, endpoint, path_id
from gitdailies_dora.api.json_bodies import json_response, query_of, read_object
from gitdailies_dora.derived import correcting
from gitdailies_dora.derived.correcting import LONGEST_REASON, REASON_PATTERN, Wish
from gitdailies_dora.derived.read.answers import CorrectionWord, DeployDetail, EventDetail, IncidentDetail
from gitdailies_dora.derived.read.events import detail
from gitdailies_dora.derived.read.question import moment_of
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.events.records.moves import Move
from gitdailies_dora.figures.history import corrections

Answer = Callable[..., Struct | None]


class ReasonBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason that every correction has."""

    # `checked_reason` checks it, with a better sentence.
    reason: Annotated[
        str,
        Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_REASON, "pattern": REASON_PATTERN}),
    ]


class DismissalBody(ReasonBody, frozen=True, kw_only=True):
    """Why it is not an incident."""

    def wish(self, id_: str) -> Wish:
        """Return the correction that the body asks for, of the event with an id."""
        return Wish(id_, corrections.NOT_AN_INCIDENT, None, self.reason)


class CauseBody(DismissalBody, frozen=True, kw_only=True):
    """Which deploy caused an incident, and why."""

    deploy: Annotated[str | None, Meta(description="the id of the deploy that caused it; null for none")]

    def wish(self, id_: str) -> Wish:
        word = corrections.NO_DEPLOY if self.deploy is None else corrections.DEPLOY
        return Wish(id_, word, self.deploy, self.reason)


class OutcomeBody(DismissalBody, frozen=True, kw_only=True):
    """Whether a deploy failed, and why."""

    outcome: Annotated[str, Meta(extra_json_schema={"enum": list(corrections.OF_DEPLOY)})]

    def wish(self, id_: str) -> Wish:
        return Wish(id_, query.one_of("outcome", self.outcome, corrections.OF_DEPLOY), None, self.reason)


class ReworkBody(DismissalBody, frozen=True, kw_only=True):
    """Whether a deploy is rework, and why."""

    rework: Annotated[bool, Meta(description="whether it is an unplanned fix of what users ran into")]

    def wish(self, id_: str) -> Wish:
        return Wish(id_, corrections.REWORK if self.rework else corrections.NOT_REWORK, None, self.reason)


class MoveBody(ReasonBody, frozen=True, kw_only=True):
    """Which incidents belong to another repository, its name, and the reason."""

    repo: Annotated[str, Meta(description="the repository that they count for now")]
    to: Annotated[str, Meta(description="the right one: its name, or a unique short name")]
    service: Annotated[str, Meta(description="only incidents of this service")] = ""
    incident: Annotated[str, Meta(description="only this incident, by the sender's id")] = ""
    new: Annotated[bool, Meta(description="true: move them although no deploy of `to` is known")] = False
    undo: Annotated[bool, Meta(description="true: move back what was moved from `repo` to `to`")] = False
    dry_run: Annotated[bool, Meta(description="true: count them, and move none")] = msgspec.field(
        default=False, name="dryRun"
    )


class Moved(Struct, frozen=True, kw_only=True):
    """How many incidents were moved, or would be, and how many of them are open."""

    status: Literal["moved", "undone", "counted"]
    to: str
    incidents: int
    open: int
    events: int


class Deleted(Struct, frozen=True, kw_only=True):
    """An event that was deleted."""

    status: Literal["deleted"] = "deleted"
    id: str


class Corrected(Struct, frozen=True, kw_only=True):
    """A correction that was made or undone."""

    status: Literal["corrected", "undone"]
    id: str
    what: CorrectionWord


_EVENT, _DEPLOY = path_id("the event's id"), path_id("the id of its event")
_INCIDENT = path_id("the id of its start; the sender's id of the incident gives the newest occurrence")
_START = path_id("the id of the event that started it")


class DetailsApi(Endpoints):
    """The endpoints of single events."""

    @endpoint("GET /api/events/{id}", EventDetail, parameters=(_EVENT, NOW))
    async def event(self, request: Request) -> Response:
        """One event, with why it counts and what is related to it."""
        return await self._answer(request, detail.event, "event")

    @endpoint("GET /api/deploys/{id}", DeployDetail, parameters=(_DEPLOY, NOW))
    async def deploy(self, request: Request) -> Response:
        """One deploy: its commits, what became of it, and its timeline."""
        return await self._answer(request, detail.deploy, "deploy")

    @endpoint("GET /api/incidents/{id}", IncidentDetail, parameters=(_INCIDENT, NOW))
    async def incident(self, request: Request) -> Response:
        """One occurrence of an incident: what it is attributed to, and its timeline."""
        return await self._answer(request, detail.incident, "incident")

    @endpoint("DELETE /api/events/{id}", Deleted, parameters=(_EVENT,))
    async def delete_event(self, request: Request) -> Response:
        """Delete one event; the audit trail keeps a copy."""
        query.refuse_parameters(query_of(request))
        key = await self._access.of(request)
        if keys.DELETE not in key.allow:
            raise lacking(key, "delete")
        id_ = request.path_params["id"]
        if not await self._here.store.delete(id_, actor=key.name, now=self._here.clock()):
            raise refusal("not-found", f"id: no event has the id {got(id_)}")
        self._here.log.info("deleted", id=id_, key=key.name)
        return json_response(Deleted(id=id_))

    async def _answer(self, request: Request, read: Answer, what: str) -> Response:
        given = query.parameters(query_of(request), ("now",))
        await self._access.key_that_reads(request)
        settings = self._here.figures
        id_ = request.path_params["id"]
        asked = partial(read, id_=id_, settings=settings)
        found = await self._current(lambda: partial(asked, now=moment_of(given, settings, self._here.now())))
        if found is None:
            raise refusal("not-found", f"id: no {what} has the id {got(id_)}")
        return json_response(found)

    @endpoint(
        "PUT /api/incidents/{id}/cause",
        Corrected,
        parameters=(_START,),
        body=CauseBody,
        example={"deploy": None, "reason": "the network provider failed"},
    )
    async def set_cause(self, request: Request) -> Response:
        """Say which deploy caused an incident, whatever the events say.

        For keys that may correct. It holds for every moment, and takes the place of an earlier correction of
        the same event. The audit trail keeps it.
        """
        return await self._correct(request, CauseBody)

    @endpoint(
        "PUT /api/incidents/{id}/dismissal",
        Corrected,
        parameters=(_START,),
        body=DismissalBody,
        example={"reason": "a drill"},
    )
    async def set_dismissal(self, request: Request) -> Response:
        """Say that this is not an incident, whatever the events say.

        For keys that may correct. It holds for every moment, and takes the place of an earlier correction of
        the same event. The audit trail keeps it.
        """
        return await self._correct(request, DismissalBody)

    @endpoint(
        "PUT /api/deploys/{id}/outcome",
        Corrected,
        parameters=(_DEPLOY,),
        body=OutcomeBody,
        example={"outcome": corrections.OF_DEPLOY[0], "reason": "it was rolled back by hand"},
    )
    async def set_outcome(self, request: Request) -> Response:
        """Say whether a deploy failed, whatever the events say.

        For keys that may correct. It holds for every moment, and takes the place of an earlier correction of
        the same event. The audit trail keeps it.
        """
        return await self._correct(request, OutcomeBody)

    @endpoint(
        "PUT /api/deploys/{id}/rework",
        Corrected,
        parameters=(_DEPLOY,),
        body=ReworkBody,
        example={"rework": True, "reason": "it fixed the checkout"},
    )
    async def set_rework(self, request: Request) -> Response:
        """Say whether a deploy is rework, whatever the events say. It changes the rework rate alone.

        For keys that may correct. It holds for every moment. The audit trail keeps it.
        """
        return await self._correct(request, ReworkBody)

    @endpoint("DELETE /api/incidents/{id}/cause", Corrected, parameters=(_START,))
    async def undo_cause(self, request: Request) -> Response:
        """Undo the correction: the incident is attributed as its events say."""
        return await self._undo(request, (corrections.DEPLOY, corrections.NO_DEPLOY))

    @endpoint("DELETE /api/incidents/{id}/dismissal", Corrected, parameters=(_START,))
    async def undo_dismissal(self, request: Request) -> Response:
        """Undo the correction: the occurrence counts again."""
        return await self._undo(request, (corrections.NOT_AN_INCIDENT,))

    @endpoint("DELETE /api/deploys/{id}/outcome", Corrected, parameters=(_DEPLOY,))
    async def undo_outcome(self, request: Request) -> Response:
        """Undo the correction: the deploy is judged as events say."""
        return await self._undo(request, corrections.OF_DEPLOY)

    @endpoint("DELETE /api/deploys/{id}/rework", Corrected, parameters=(_DEPLOY,))
    async def undo_rework(self, request: Request) -> Response:
        """Undo the correction: the deploy is rework or not as events say."""
        return await self._undo(request, corrections.OF_REWORK)

    @endpoint(
        "POST /api/incidents/move",
        Moved,
        body=MoveBody,
        example={"repo": "larkspur/shop-saerch", "to": "larkspur/shop-search", "reason": "a typo"},
        also=("not-found", "busy"),
    )
    async def move(self, request: Request) -> Response:
        """Move incidents that were counted for a wrong repository, open ones and ended ones.

        For keys that may correct. Events keep their ids. Later messages about these incidents follow. The
        audit trail keeps it, and `undo` moves them back.
        """
        key, body = await self._access.key_that_corrects(request), await read_object(request, MoveBody)
        await self._here.deriver.catch_up()
        wish = Move(body.repo, body.to, body.service, body.incident, body.undo)
        given = {"wish": wish, "reason": body.reason, "new": body.new, "dry": body.dry_run}
        wish, found = await self._access.write(key, correcting.move, settings=self._here.figures, **given)
        status: Literal["moved", "undone"] = "undone" if wish.undo else "moved"
        numbers = {"incidents": found.incidents, "open": found.open, "events": len(found.events)}
        return json_response(Moved(status="counted" if body.dry_run else status, to=wish.to, **numbers))

    async def _correct(self, request: Request, type_: type[DismissalBody]) -> Response:
        key = await self._access.key_that_corrects(request)
        wished = (await read_object(request, type_)).wish(request.path_params["id"])
        await self._here.deriver.catch_up()
        settings = self._here.figures
        made = await self._access.write(key, correcting.correct, wish=wished, settings=settings)
        return json_response(Corrected(status="corrected", id=wished.event, what=made.what))

    async def _undo(self, request: Request, whats: Sequence[str]) -> Response:
        key, event = await self._access.key_that_corrects(request), request.path_params["id"]
        made = await self._access.write(key, correcting.undo, event=event, whats=whats)
        return json_response(Corrected(status="undone", id=event, what=made.what))
