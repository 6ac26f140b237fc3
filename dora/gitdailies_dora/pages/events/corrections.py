"""Corrections by people: the forms on the page of a deploy or an incident, and in the review."""

from functools import partial
from urllib.parse import urlencode

from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.values.nearest_name import nearest
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Session
from starlette.responses import Response

from gitdailies_dora.accounts.keys.webhook_key import without_keys
from gitdailies_dora.derived import correcting
from gitdailies_dora.derived.correcting import Wish
from gitdailies_dora.derived.read.figures import known_names
from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.events.records import moves
from gitdailies_dora.events.records.moves import Move, Moving
from gitdailies_dora.figures.history.corrections import DEPLOY, OF_DEPLOY, OF_INCIDENT, OF_REWORK, REWORK
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.pages.events.event_pages import EventPages
from gitdailies_dora.pages.frame.event_links import move_url
from gitdailies_dora.pages.frame.forms import Wrong, wrong_of
from gitdailies_dora.pages.frame.request_context import Visit, local_path
from gitdailies_dora.pages.frame.site import Page, PageGroup, Site

MOVE = "/events/move"
_LONGEST = 300


class CorrectionPages(PageGroup):
    """What the forms of corrections do. They need a reason, and lead back to where they were sent from."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._events = EventPages(site)

    def pages(self) -> list[Page]:
        needs = self._site.correct_needs
        return [
            Page("/corrections", self.correct, "POST", needs=needs),
            Page("/corrections/undo", self.undo, "POST", needs=needs),
            Page(MOVE, self._show_move, needs=needs),
            Page(MOVE, self.move, "POST", needs=needs),
        ]

    async def correct(self, visit: Visit) -> Response:
        """Correct an event. A deploy is chosen by its id, behind the word or in a field of its own."""
        event = visit.fields.get("event", "")
        try:
            return await self._correct(visit, event)
        except Refusal as refused:
            # The fields are on the page of the event. A form of the review has none to fill in.
            return await self._events.with_wrong_correction(visit, event, refused)

    async def _correct(self, visit: Visit, event: str) -> Response:
        fields = visit.fields
        what, _, deploy = fields.get("what", "").partition(" ")
        if what not in (*OF_INCIDENT, *OF_DEPLOY, *OF_REWORK):
            raise refusal("request", "what: choose what happened")
        chosen = (deploy or fields.get("deploy", "")).strip() if what == DEPLOY else None
        wish = Wish(event, what, chosen, fields.get("reason", ""))
        await self._site.catch_up()
        made = await self._write(visit, correcting.correct, wish=wish, settings=self._site.settings)
        self._site.log.info("corrected", id=made.event, what=made.what, person=visit.user.name)
        await self._site.catch_up()
        return self._site.redirect(local_path(fields.get("back", "")))

    async def undo(self, visit: Visit) -> Response:
        """Undo the correction of an event."""
        event = visit.fields.get("event", "")
        whats = OF_REWORK if visit.fields.get("what") == REWORK else (*OF_INCIDENT, *OF_DEPLOY)
        try:
            made = await self._write(visit, correcting.undo, event=event, whats=whats)
        except Refusal as refused:
            return await self._events.with_wrong_correction(visit, event, refused)
        self._site.log.info("correction undone", id=made.event, what=made.what, person=visit.user.name)
        await self._site.catch_up()
        return self._site.after(visit, local_path(visit.fields.get("back", "")), "undone")

    async def move(self, visit: Visit) -> Response:
        """Move incidents to another repository, or undo it."""
        site, wish = self._site, _move_of(visit)
        await site.catch_up()
        try:
            reason = "undone" if wish.undo else visit.fields.get("reason")
            given = {"wish": wish, "reason": reason, "new": visit.fields.get("new") == "yes"}
            wish, found = await self._write(visit, correcting.move, settings=site.settings, **given)
        except Refusal as refused:
            return await self._show_move(visit, refused)
        site.log.info("incidents moved", incidents=found.incidents, **wish._asdict(), person=visit.user.name)
        await site.catch_up()
        there = move_url(Move(wish.repo, "", incident="" if wish.undo else wish.incident))
        return site.after(visit, there, "moved-back") if wish.undo else site.redirect(there)

    async def _show_move(self, visit: Visit, refused: Refusal | None = None) -> Response:
        """Show the incidents of a repository that can be moved, and those that were."""
        site, wish = self._site, _move_of(visit)._replace(undo=False)
        await site.catch_up()
        wish, found, moved, repos = await site.store.ask(partial(_read, wish=wish, settings=site.settings))
        of_repo = {"repo": wish.repo, "kind": INCIDENT_STARTED, "service": wish.service}
        reason = visit.fields.get("reason", "")
        if wish.to and not (visit.fields.get("to") or reason):
            reason = f"{wish.repo} is the wrong name"
        wrong = Wrong() if refused is None else wrong_of(refused.problem.detail, ("to", "reason"))
        return site.render(
            visit,
            "move.html",
            status=200 if refused is None else refused.problem.status,
            wish=wish,
            found=found,
            moved=moved,
            there=sorted({one.repo for one in moved.events}),
            of_repo=urlencode({name: text for name, text in of_repo.items() if text}),
            repos=repos,
            reason=without_keys(reason),
            lines=await site.relays.lines_to([wish.repo], wish.service) if visit.is_owner else [],
            error=wrong.above,
            wrong=wrong.beside,
        )


def _read(session: Session, wish: Move, settings: FigureSettings) -> tuple[Move, Moving, Moving, list[str]]:
    """Return a move, to the nearest name of one without deploys, what it moves, what was, and all targets."""
    past = Move(wish.repo, "", incident=wish.incident, undo=True, together=True)
    known = known_names.deploying(session, settings)
    if not wish.to and folded(wish.repo) not in known:
        wish = wish._replace(to=nearest(wish.repo, known.values()))
    found, moved = (moves.find(session, one, settings.renames) for one in (wish, past))
    return wish, found, moved, list(known.values())


def _move_of(visit: Visit) -> Move:
    repo, to, service, incident = (
        visit.fields.get(name, "").strip()[:_LONGEST] for name in ("repo", "to", "service", "incident")
    )
    return Move(repo, to, service.strip("*"), incident, visit.fields.get("undo") == "yes", together=True)
