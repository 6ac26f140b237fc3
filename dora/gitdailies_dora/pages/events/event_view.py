"""Turn the detail of an event, as the API has it, into what its page shows: sentences, links and times."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NamedTuple, TypeAlias

from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.derived.read import answers
from gitdailies_dora.figures.answers.numbers import REWORK
from gitdailies_dora.figures.history import corrections, incidents
from gitdailies_dora.figures.history.facts import TIME
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words import reasons, timeline
from gitdailies_dora.pages.frame.event_links import Piece, commit_url, event_url, link, linked
from gitdailies_dora.pages.frame.event_titles import name_of, short, title_of
from gitdailies_dora.pages.frame.formatting import clock_time, duration, unbroken_units
from gitdailies_dora.pages.frame.phrases import FIGURE_NAMES, recovered

# What a verdict is about.
FIGURES = {**FIGURE_NAMES, reasons.ALL: "Every figure"}

_SHORT_SHA = 12
_GAPS = {
    timeline.LEAD_TIME: "{} lead time of its newest commit",
    timeline.UNTIL_NOTICED: "{} until it was noticed",
    timeline.STILL_OPEN: "{} later, still open",
    timeline.BETWEEN: "{} later",
}
_TYPES = {"rollback": "Rollback", "hotfix": "Hotfix"}
# Why an incident is attributed to the deploy, or to none.
_HOW = {
    incidents.BY_CAUSE: "the incident names its commit as the cause",
    incidents.BY_TIME: "it is the latest deploy in the window before the incident",
    incidents.NO_SUCH_COMMIT: "the incident names a commit as its cause, and no deploy has this commit",
    incidents.BY_HAND: "a correction says so",
    incidents.NO_SUCH_DEPLOY: "a correction names a deploy that does not exist or does not count there",
    incidents.NO_CAUSE: "a correction or its causedBy field says that no deploy caused it",
    corrections.NOT_AN_INCIDENT: "a correction says that it is not an incident",
}
_STATES = {
    answers.FAILED: "failed",
    answers.PENDING: "too new to tell",
    answers.SUCCEEDED: "did not fail",
    answers.REPEAT: "repeat",
    answers.OPEN: "open",
    answers.RESOLVED: "resolved",
    answers.CLOSED: "closed without a recovery",
    answers.DUPLICATE: "duplicate",
    answers.DISMISSED: "not an incident",
    answers.WAITING: "not counted yet",
}
# A time in the sentence of a reason, as the API has it.
_TIME = re.compile(r"(?<= )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?=[\s,;:.]|$)")


# What a person may say, and its words.
_DEPLOY_CHOICES = ((corrections.FAILED, "It failed"), (corrections.NOT_FAILED, "It did not fail"))
_REWORK_CHOICES = ((corrections.REWORK, "It is rework"), (corrections.NOT_REWORK, "It is not rework"))
_INCIDENT_CHOICES = (
    (corrections.NO_DEPLOY, "No deploy caused it"),
    (corrections.NOT_AN_INCIDENT, "It is not an incident"),
)
Detail: TypeAlias = answers.DeployDetail | answers.IncidentDetail | answers.EventDetail
DECIDED = {
    corrections.DEPLOY: "this deploy caused it",
    corrections.NO_DEPLOY: "no deploy caused it",
    corrections.NOT_AN_INCIDENT: "it is not an incident",
    corrections.FAILED: "it failed",
    corrections.NOT_FAILED: "it did not fail",
    corrections.REWORK: "it is rework",
    corrections.NOT_REWORK: "it is no rework",
}


class EventLink(NamedTuple):
    """A related event: its text, its address, and what more is known about it."""

    text: str
    href: str
    note: str = ""


class Step(NamedTuple):
    """A node of the timeline: what happened, where it leads, outside too, and the line above it, or ""."""

    at: str
    what: str
    event: Piece
    outside: Piece
    gap: str


@dataclass(frozen=True, kw_only=True)
class EventView:
    """What the page of an event shows, besides the event and its detail `found`.

    Each of `verdicts` has the name of its figure, and its reason in pieces. `state` is "" for the end of an
    incident. Of a deploy, `type` says what it counts as, and `rework` is the word of the verdict on it. Each
    commit has its address, and whether it counts. `cause` and `because` are of an incident, and `near` are
    the deploys before it.
    """

    found: Detail
    verdicts: Sequence[tuple[str, answers.FigureVerdict, list[Piece]]]
    links: Sequence[tuple[str, EventLink | None]]
    state: str = ""
    summary: Sequence[Piece] = ()
    steps: Sequence[Step] = ()
    choices: Sequence[tuple[str, str]] = ()
    type: str = "Deploy"
    remedies: Sequence[EventLink] = ()
    rework: str = ""
    rework_choices: Sequence[tuple[str, str]] = ()
    commits: Sequence[tuple[answers.CommitDetail, str, str]] = ()
    cause: EventLink | None = None
    because: str = ""
    wide: EventLink | None = None
    near: Sequence[tuple[str, EventLink]] = ()
    end_command: str = ""
    occurrences: Sequence[EventLink] = ()


def view(
    found: answers.DeployDetail | answers.IncidentDetail | answers.EventDetail,
    about: answers.EventReference,
    settings: FigureSettings,
    stored: Mapping[str, tuple[int, Mapping[str, Any]]],
) -> EventView:
    """Return what the page of the event *about* shows; *stored* has the deploys near an incident."""
    if isinstance(found, answers.DeployDetail):
        return deploy_view(found, about, settings)
    if isinstance(found, answers.IncidentDetail):
        return incident_view(found, about, settings, stored)
    return end_view(found, about, settings)


def deploy_view(
    found: answers.DeployDetail, about: answers.EventReference, settings: FigureSettings
) -> EventView:
    """Return what the page of the deploy *about* shows."""
    zone, related = settings.zone, found.related
    may_be_corrected = found.state not in (answers.WAITING, answers.REPEAT)
    references = [about, *related.all()]
    return EventView(
        found=found,
        type=_TYPES.get(found.type, "Deploy"),
        state="may have failed" if found.evidence == TIME else _STATES[found.state],
        summary=_deploy_summary(found, about, zone),
        links=(
            ("Deploy before", _link(related.before, about.time, "earlier")),
            ("Deploy after", _link(related.after, about.time, "later")),
            ("Fixes", _link(related.fixes)),
        ),
        remedies=[_link_to(ref) for ref in related.remedies],
        commits=[
            (one, commit_url(about.url, about.repo, one.sha), _counts(one, known=not found.commits_unknown))
            for one in found.commits
        ],
        steps=_steps(found.timeline, references, about, found.type),
        verdicts=_verdicts(found.verdicts, references, zone),
        choices=_DEPLOY_CHOICES if may_be_corrected else (),
        rework=next((one.word for one in found.verdicts if one.figure == REWORK), ""),
        rework_choices=_REWORK_CHOICES if may_be_corrected else (),
    )


def incident_view(
    found: answers.IncidentDetail,
    about: answers.EventReference,
    settings: FigureSettings,
    stored: Mapping[str, tuple[int, Mapping[str, Any]]],
) -> EventView:
    """Return what the page of the incident *about* shows; *stored* has the deploys near it."""
    zone, related, attribution = settings.zone, found.related, found.attribution
    references = [about, *related.all(), *attribution.near]
    references += [attribution.wide] if attribution.wide is not None else []
    return EventView(
        found=found,
        state=_STATES[found.state],
        summary=_incident_summary(found, about, zone),
        cause=_link(related.deploy, about.time, "before the incident"),
        because=_HOW.get(attribution.how or "", ""),
        wide=_link(attribution.wide, about.time, "before the incident"),
        near=[(ref.id, _near(ref, about, stored, zone)) for ref in attribution.near],
        links=[("Merged into", _link(related.merged_into))],
        occurrences=[_occurrence(ref, zone) for ref in related.incidents],
        steps=_steps(found.timeline, references, about),
        verdicts=_verdicts(found.verdicts, references, zone),
        end_command=_end_command(about) if found.state == answers.OPEN else "",
        choices=() if found.state in (answers.WAITING, answers.DUPLICATE) else _INCIDENT_CHOICES,
    )


def _end_command(about: answers.EventReference) -> str:
    """Return the command that reports the end of an incident which its tool does not."""
    names = (("repo", about.repo), ("environment", about.environment), ("service", about.service))
    options = [f"--{name} {shlex.quote(text)}" for name, text in names if text]
    return " ".join(["gitdailies incident resolve", shlex.quote(about.incident_id), *options, "--time TIME"])


def end_view(
    found: answers.EventDetail, about: answers.EventReference, settings: FigureSettings
) -> EventView:
    """Return what the page of the end of an incident shows."""
    zone, related = settings.zone, found.related
    return EventView(
        found=found,
        occurrences=[_occurrence(ref, zone) for ref in related.incidents],
        links=(("Merged into", _link(related.merged_into)), ("Attributed to", _link(related.deploy))),
        verdicts=_verdicts(found.verdicts, [about, *related.all()], zone),
    )


def _deploy_summary(found: answers.DeployDetail, about: answers.EventReference, zone: tzinfo) -> list[Piece]:
    if found.state == answers.WAITING:
        return [Piece("It arrived a moment ago and is not counted yet. Reload this page.")]
    if found.state == answers.REPEAT:
        if (first := found.related.repeats) is None:
            return [Piece("It repeats a deploy and counts for nothing.")]
        to = _link_to(first, about.time)
        when = Piece(f"the deploy of {clock_time(_us(first.time), zone)}", to.href)
        # Its name has the same commit, so its id tells it apart.
        return [Piece("It repeats "), when, Piece(f", {to.note} (ID {first.id}), and counts for nothing.")]
    if found.state == answers.PENDING:
        until = clock_time(_us(found.settled_at), zone)
        return [Piece(f"It is too new to tell, until {until}.")]
    if found.state == answers.SUCCEEDED and found.correction is not None:
        return [Piece("It did not fail: a correction says so.")]
    if found.state == answers.SUCCEEDED:
        return [Piece("Neither an incident nor a later deploy made it fail.")]
    return _failure(found)


def _failure(found: answers.DeployDetail) -> list[Piece]:
    related = found.related
    causes = related.incidents or related.remedied_by
    if not causes:
        return [Piece("Failed: a correction says so.")]
    said = "May have failed, going by time alone: " if found.evidence == TIME else "Failed: "
    by = [Piece(said if related.incidents else "Failed: remedied by ")]
    for at, ref in enumerate(causes):
        by += [Piece(", ")] * (at > 0) + [link(ref)]
    if found.recovered_by == answers.INCIDENT:
        return [*by, Piece(recovered(found.recovery_seconds, related.incidents))]
    if found.recovered_by == answers.REMEDY:
        took = duration(found.recovery_seconds)
        return [*by, Piece(f", {took} after it. There is no incident to time the recovery by.")]
    still = any(ref.ended_at is None for ref in related.incidents)
    return [*by, Piece(". It has not recovered yet." if still else ". No recovery is known.")]


def _incident_summary(
    found: answers.IncidentDetail, about: answers.EventReference, zone: tzinfo
) -> list[Piece]:
    if found.state == answers.WAITING:
        return [Piece("It arrived a moment ago and is not counted yet. Reload this page.")]
    if found.state == answers.DUPLICATE:
        return [Piece("The incident was already open, so this start changes nothing.")]
    if found.state == answers.DISMISSED:
        return [Piece("A correction says that it is not an incident. It counts in no figure.")]
    if found.state == answers.OPEN:
        return [Piece(f"Open for {duration((_us(found.as_of) - _us(about.time)) / 1_000_000)}.")]
    took = duration(found.duration_seconds)
    end = found.related.resolution
    if found.state == answers.CLOSED or end is None:
        return [Piece(f"Merged, canceled or deleted after {took}, without a recovery of its own.")]
    return [Piece(f"Resolved after {took}, {clock_time(_us(end.time), zone)}.")]


def _near(
    ref: answers.EventReference,
    about: answers.EventReference,
    stored: Mapping[str, tuple[int, Mapping[str, Any]]],
    zone: tzinfo,
) -> EventLink:
    """Return a deploy near an incident with its time, and its message or title, version and run, if any."""
    found = _link_to(ref, about.time)
    _, deploy = stored.get(ref.id, (0, {}))
    words = (deploy.get("message") or deploy.get("title"), deploy.get("version"), deploy.get("run"))
    named = [short(str(one)) for one in words if one]
    text = f"{clock_time(_us(ref.time), zone)}: {found.text}"
    return found._replace(text=text, note=", ".join([*named, found.note]))


def _occurrence(ref: answers.IncidentReference, zone: tzinfo) -> EventLink:
    began = _us(ref.time)
    ended = "open"
    if ref.ended_at is not None:
        ended = f"ended after {duration((_us(ref.ended_at) - began) / 1_000_000)}"
    return _link_to(ref)._replace(note=f"started {clock_time(began, zone)}, {ended}")


def _link(ref: answers.EventReference | None, than: str = "", word: str = "") -> EventLink | None:
    return None if ref is None else _link_to(ref, than, word)


def _link_to(ref: answers.EventReference, than: str = "", word: str = "") -> EventLink:
    """Return a link to a related event, with how much earlier or later it is than the time *than*."""
    note = ""
    if than:
        apart = _us(ref.time) - _us(than)
        side = word or ("later" if apart > 0 else "earlier")
        note = f"{duration(abs(apart) / 1_000_000)} {side}"
    return EventLink(name_of(ref), event_url(ref.id, ref.kind), note)


def _counts(commit: answers.CommitDetail, *, known: bool) -> str:
    """Write whether a commit has a lead time, and why not; *known* says that the new commits are."""
    if commit.lead_time_seconds is not None:
        return "yes"
    if commit.outside:
        return "no: it touches none of the service's paths"
    if not commit.new:
        return "no: it was deployed here before" if known else "no: which commits are new is not known"
    return "no: it has no time" if commit.time is None else "no: its time is after the deploy"


def _verdicts(
    verdicts: Iterable[answers.FigureVerdict], references: Sequence[answers.EventReference], zone: tzinfo
) -> list[tuple[str, answers.FigureVerdict, list[Piece]]]:
    return [
        (FIGURES[one.figure], one, [_readable(piece, zone) for piece in linked(one.reason, references)])
        for one in verdicts
    ]


def _readable(piece: Piece, zone: tzinfo) -> Piece:
    """Write the times of a sentence as the rest of the page does. A name stays as it is."""
    if piece.href:
        return piece
    return Piece(unbroken_units(_TIME.sub(lambda at: clock_time(_us(at[0]), zone), piece.text)))


def _steps(
    timeline: Iterable[answers.TimelineStep],
    references: Sequence[answers.EventReference],
    about: answers.EventReference,
    type_: str = "",
) -> list[Step]:
    """Return the timeline of the event *about*; *type_* is what a deploy counts as."""
    by_id = {ref.id: ref for ref in references}
    return [_step(one, by_id, about, type_) for one in timeline]


def _step(
    step: answers.TimelineStep,
    by_id: Mapping[str, answers.EventReference],
    about: answers.EventReference,
    type_: str,
) -> Step:
    event = by_id.get(step.of or step.id or "")
    text, href, outside = "Now", "", Piece("")
    if step.sha is not None:
        text, href = f"Commit {step.sha[:_SHORT_SHA]}", _commit_of(step.sha, by_id.values())
    elif step.id is not None:
        if step.id != about.id:  # a page has no link to itself
            href = event_url(step.id, event.kind if event is not None and step.of is None else "")
        text = _happened(step.what, event, type_ if event is about else "")
        if event is not None and step.of is None and event.url.startswith(("https://", "http://")):
            outside = Piece("CI run" if event.kind == DEPLOYED else "at the vendor", event.url)
    gap = _GAPS[step.gap].format(duration(step.after_seconds)) if step.gap else ""
    return Step(step.time, step.what, Piece(text, href), outside, gap)


def _happened(what: str, event: answers.EventReference | None, type_: str) -> str:
    if what in (timeline.DEPLOY, timeline.REMEDY):
        if event is None:
            return "Deploy"
        kind = _TYPES.get(type_, _TYPES.get(event.type, "Deploy"))
        environment = f" to {event.environment}" if event.environment else ""
        return f"{kind} {title_of(event).short}{environment}"
    words = {
        timeline.STARTED: "Incident started",
        timeline.RESOLVED: "Incident resolved",
        timeline.CLOSED: "Incident closed without a recovery",
    }
    if event is None:
        return words[what]
    named = title_of(event).short if what == timeline.STARTED else event.incident_id
    return f"{words[what]}: {named}" if named else words[what]


def _commit_of(sha: str, events: Iterable[answers.EventReference]) -> str:
    urls = [commit_url(one.url, one.repo, sha) for one in events if one.kind == DEPLOYED]
    return next((url for url in urls if url.startswith("http")), commit_url("", "", sha))


def _us(text: str) -> int:
    return to_us(parse(text, "time"))
