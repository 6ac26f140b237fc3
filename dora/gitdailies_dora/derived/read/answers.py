"""The answers of the API about events: one frozen class each. JSON, the pages and OpenAPI are made from them.

Times are text (RFC 3339, UTC). A docstring or a description here is what `/docs` shows.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeAlias

from msgspec import Meta, Raw, Struct, field

from gitdailies_dora.figures.answers.numbers import FIGURES, Count, Figures, Seconds, Time
from gitdailies_dora.figures.answers.report import AsOf, Definitions, Next, SeriesChange
from gitdailies_dora.figures.history import corrections, incidents
from gitdailies_dora.figures.history.facts import EVIDENCE
from gitdailies_dora.figures.words import reasons, review, silence, timeline

# The states of a deploy and of an incident. One that waits is not derived yet.
FAILED, PENDING, SUCCEEDED, REPEAT = "failed", "pending", "succeeded", "repeat"
OPEN, RESOLVED, CLOSED, DUPLICATE, WAITING = "open", "resolved", "closed", "duplicate", "waiting"
DISMISSED = "dismissed"
DEPLOY_STATES = (FAILED, PENDING, SUCCEEDED, REPEAT, WAITING)
INCIDENT_STATES = (OPEN, RESOLVED, CLOSED, DUPLICATE, DISMISSED, WAITING)
# What times the recovery of a deploy, and how a line of the review was decided.
INCIDENT, REMEDY = "incident", "remedy"
CORRECTED, ACKNOWLEDGED = "corrected", "acknowledged"

# The component of the OpenAPI document that an event is, with all the fields that were sent.
STORED_EVENT = "StoredEvent"

_WHATS = (
    *(
        timeline.COMMIT,
        timeline.DEPLOY,
        timeline.REMEDY,
        timeline.STARTED,
        timeline.RESOLVED,
        timeline.CLOSED,
    ),
    timeline.NOW,
)
_GAPS = (timeline.LEAD_TIME, timeline.UNTIL_NOTICED, timeline.STILL_OPEN, timeline.BETWEEN)
_HOW = (
    *(incidents.BY_CAUSE, incidents.BY_TIME, incidents.BY_HAND, incidents.NO_SUCH_COMMIT),
    *(incidents.NO_SUCH_DEPLOY, incidents.NO_DEPLOY, incidents.NO_CAUSE, corrections.NOT_AN_INCIDENT),
)


def about(text: str) -> Meta:
    """Describe a field."""
    return Meta(description=text)


def one_of(*words: str | None, text: str | None = None) -> Meta:
    """Say which words a field may be, and describe it."""
    return Meta(description=text, extra_json_schema={"enum": list(words)})


EventJson: TypeAlias = Annotated[
    Raw, Meta(extra_json_schema={"$ref": f"#/components/schemas/{STORED_EVENT}"})
]
CorrectionWord: TypeAlias = Annotated[
    str, one_of(*corrections.OF_INCIDENT, *corrections.OF_DEPLOY, *corrections.OF_REWORK)
]

DeployEvidence: TypeAlias = Annotated[
    str | None, one_of(*EVIDENCE, None, text="why it counts as failed; null if it does not")
]


class NamedEvent(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An event by its id, kind and time, and what names it. Missing fields are left out."""

    id: str
    kind: str
    time: Time
    repo: str = ""
    environment: str = ""
    service: str = ""
    commit_sha: str = field(default="", name="commitSHA")
    incident_id: str = ""

    @classmethod
    def of(cls, texts: Mapping[str, str], **more: Any) -> Self:
        """Name an event, by those of its fields that are text; *more* are fields that a subclass adds."""
        names = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
        return cls(**{name: texts[encoded] for name, encoded in names if encoded in texts}, **more)


class EventReference(NamedEvent, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The fields by which an answer names another event."""

    type: str = ""
    title: str = ""
    severity: str = ""
    url: str = ""


class IncidentReference(EventReference, frozen=True, kw_only=True, rename="camel"):
    """The start of an occurrence of an incident, and when it ended."""

    ended_at: Annotated[Time | None, about("null while it is open")]


class FigureVerdict(Struct, frozen=True, kw_only=True):
    """Why an event counts for a figure or not."""

    figure: Annotated[str, one_of(*FIGURES, reasons.ALL)]
    counts: bool
    word: str
    reason: str
    advice: Annotated[str, about("what to do about it; empty if nothing is to do")]


class JudgedEvent(NamedEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An event, with why it counts or not."""

    verdicts: tuple[FigureVerdict, ...]


class JudgedEvents(Struct, frozen=True, kw_only=True):
    """Events of a period, oldest first, with why they count or not."""

    definitions: Definitions
    events: tuple[JudgedEvent, ...]
    next: Next


class RelatedEvents(Struct, frozen=True, kw_only=True, rename="camel"):
    """The events that are related to an event."""

    deploy: Annotated[EventReference | None, about("the deploy that an incident is attributed to")] = None
    before: Annotated[EventReference | None, about("the counting deploy before it to its target")] = None
    after: Annotated[EventReference | None, about("the counting deploy after it to its target")] = None
    repeats: Annotated[EventReference | None, about("the deploy that it repeats")] = None
    fixes: Annotated[EventReference | None, about("the start of the incident that it names in `fixes`")] = (
        None
    )
    resolution: Annotated[EventReference | None, about("the end of the incident")] = None
    merged_into: Annotated[
        EventReference | None, about("the start of the incident that this one was merged into")
    ] = None
    incidents: Annotated[
        tuple[IncidentReference, ...],
        about("those attributed to a deploy; other occurrences of an incident; those that an end ended"),
    ] = ()
    remedied_by: Annotated[tuple[EventReference, ...], about("later deploys that remedied it")] = ()
    remedies: Annotated[tuple[EventReference, ...], about("earlier deploys that it remedied")] = ()

    def all(self) -> list[EventReference]:
        """Return every related event."""
        single = (
            *(self.deploy, self.before, self.after, self.repeats, self.fixes),
            *(self.resolution, self.merged_into),
        )
        several = (*self.incidents, *self.remedied_by, *self.remedies)
        return [*(one for one in single if one is not None), *several]


class EventCorrection(Struct, frozen=True, kw_only=True):
    """What a person decided about an event."""

    what: CorrectionWord
    deploy: Annotated[str | None, about("the deploy that caused the incident")]
    reason: str
    by: Annotated[str, about("the person, or the key")]
    at: Time


class CommitDetail(Struct, frozen=True, kw_only=True, rename="camel"):
    """A commit of a deploy."""

    sha: str
    time: Time | None
    new: Annotated[bool, about("no earlier deploy to its target had it; false while that is not known")]
    outside: Annotated[bool, about("it touches none of the paths of the service")]
    lead_time_seconds: Seconds


class TimelineStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of the timeline, and the time since the step before."""

    time: Time
    what: Annotated[str, one_of(*_WHATS)]
    id: Annotated[str | None, about("the id of the event; null for a commit and for now")]
    sha: Annotated[str | None, about("the SHA of a commit")]
    of: Annotated[str | None, about("of an end: the id of the start that it ends")]
    after_seconds: Annotated[float | None, about("since the step before; null for the first")]
    gap: Annotated[str | None, one_of(*_GAPS, None, text="what this time is")]


class EventDetail(Struct, frozen=True, kw_only=True):
    """An event, with why it counts and what is related to it."""

    definitions: Definitions
    event: EventJson
    verdicts: tuple[FigureVerdict, ...]
    related: RelatedEvents


class _Detail(Struct, frozen=True, kw_only=True, rename="camel"):
    definitions: Definitions
    as_of: AsOf
    event: EventJson


class DeployDetail(_Detail, frozen=True, kw_only=True, rename="camel"):
    """A deploy: its commits, what became of it, and its timeline."""

    state: Annotated[str, one_of(*DEPLOY_STATES)]
    settled_at: Annotated[Time, about("from when on it is judged")]
    evidence: DeployEvidence
    type: Annotated[str, about("what it counts as; empty until that is computed")]
    commits: tuple[CommitDetail, ...]
    commits_unknown: Annotated[str | None, about("why its new commits are not all known")]
    recovery_seconds: Seconds
    recovered_by: Annotated[str | None, one_of(INCIDENT, REMEDY, None, text="what times its recovery")]
    related: RelatedEvents
    timeline: tuple[TimelineStep, ...]
    correction: Annotated[EventCorrection | None, about("what a person decided about it")]
    rework_correction: Annotated[EventCorrection | None, about("whether it is rework, as a person decided")]
    verdicts: tuple[FigureVerdict, ...] = ()


class EventMove(Struct, frozen=True, kw_only=True):
    """The repository that an event came with, before a person moved it; who did, when and why."""

    repo: str
    reason: str
    by: Annotated[str, about("the person, or the key")]
    at: Time


class Attribution(Struct, frozen=True, kw_only=True, rename="camel"):
    """How an incident was attributed to a deploy."""

    how: Annotated[str | None, one_of(*_HOW, None, text="how the deploy was found, or why none was")]
    caused_by: Annotated[str | None, about("the commit that the incident names as its cause")]
    wide: Annotated[EventReference | None, about("the deploy that a window of 72 hours would give")]
    near: Annotated[
        tuple[EventReference, ...], about("the latest deploys of its repository and environment before it")
    ]


class IncidentDetail(_Detail, frozen=True, kw_only=True, rename="camel"):
    """An occurrence of an incident: what it is attributed to, and its timeline."""

    state: Annotated[str, one_of(*INCIDENT_STATES)]
    duration_seconds: Seconds
    attribution: Attribution
    related: RelatedEvents
    timeline: tuple[TimelineStep, ...]
    correction: Annotated[EventCorrection | None, about("what a person decided about it")]
    moved: Annotated[EventMove | None, about("set if it came with another repository")]
    verdicts: tuple[FigureVerdict, ...] = ()


class LineDecision(Struct, frozen=True, kw_only=True):
    """Who decided a line of the review, when and why."""

    how: Annotated[str, one_of(CORRECTED, ACKNOWLEDGED)]
    by: Annotated[str, about("the person, or the key")]
    at: Time
    reason: str
    event: Annotated[str, about("the event that was corrected")] = ""


class ReviewLine(Struct, frozen=True, kw_only=True, rename="camel"):
    """What all lines of the review have."""

    key: Annotated[str, about("names the line")] = ""
    done: Annotated[LineDecision | None, about("null while it is open")] = None


class FailedDeploy(ReviewLine, frozen=True, kw_only=True, rename="camel"):
    """A deploy that failed, or that a person judged."""

    deploy: EventReference
    state: Annotated[str, one_of(*DEPLOY_STATES)]
    evidence: DeployEvidence
    incidents: tuple[IncidentReference, ...]
    remedied_by: tuple[EventReference, ...]
    recovery_seconds: Seconds
    recovered_by: Annotated[str | None, one_of(INCIDENT, REMEDY, None)]


class UnlinkedIncident(ReviewLine, frozen=True, kw_only=True, rename="camel"):
    """An incident that is attributed to no deploy, or that a person decided about."""

    incident: EventReference
    state: Annotated[str, one_of(*INCIDENT_STATES)]
    attributed_to: EventReference | None
    near: Annotated[tuple[EventReference, ...], about("the latest deploys before it")]


class UncountedName(ReviewLine, frozen=True, kw_only=True):
    """A name that appeared in this week."""

    what: Annotated[str, one_of(review.ENVIRONMENT, review.SERVICE, silence.REPORTER)]
    repo: Annotated[str, about("empty if several repositories have it")]
    repos: Annotated[Count, about("how many repositories have it")]
    name: str
    deploys: Count
    first: EventReference


class DoubleReports(ReviewLine, frozen=True, kw_only=True):
    """Two reporters that may have counted deploys twice, with the last two events."""

    repo: str
    reporters: tuple[str, ...]
    times: Count
    events: tuple[EventReference, ...]


class DoubtfulTarget(ReviewLine, frozen=True, kw_only=True):
    """A target whose deploys may be of two services or of another one, or a service that no deploy names."""

    what: Annotated[str, one_of(review.WORKFLOWS, review.OLD_COMMITS, review.SERVICES)]
    repo: str
    service: Annotated[str, about("empty for none")]
    number: Annotated[int, about("how often two workflows did so, or of old commits, or of incidents")]
    deploys: Annotated[tuple[EventReference, ...], about("the last two, or the one, or the last incident")]
    line: Annotated[str, about("of gitdailies.yml that tells the service of the incidents, or empty")] = ""


class SlowestChange(ReviewLine, frozen=True, kw_only=True, rename="camel"):
    """A deploy with a long lead time."""

    deploy: EventReference
    lead_time_seconds: Seconds


class SilentSender(ReviewLine, frozen=True, kw_only=True, rename="camel"):
    """A repository, a reporter or a source that stopped sending."""

    what: Annotated[str, one_of(silence.REPORTER, silence.REPOSITORY, silence.SOURCE)]
    repo: str
    name: str
    last: EventReference
    quiet_seconds: Annotated[float, about("from the last event to the end of the week")]


class Happening(Struct, frozen=True, kw_only=True, rename="camel"):
    """An outage of a week, or a deploy that failed without an incident: one title in any repositories."""

    title: Annotated[str, about("that of the incidents, or their id; empty for a deploy")]
    severity: Annotated[str, about("the worst of the incidents, in the words of their tool")]
    time: Time
    ended_at: Annotated[Time | None, about("null while it lasts, and if no end is known")]
    open: bool
    how: Annotated[str | None, one_of(*_HOW, None, text="how its deploy was found, or why none was")]
    teams: Annotated[tuple[str, ...], about("whose repositories they are, as they are shown")]
    events: Annotated[tuple[EventReference, ...], about("the starts of its incidents, or the deploy")]
    deploys: Annotated[tuple[EventReference, ...], about("those that its incidents are attributed to")]
    remedied_by: Annotated[tuple[EventReference, ...], about("the deploys that remedied these")]


class ReviewSections(Struct, frozen=True, kw_only=True):
    """The lines of each section."""

    failed: tuple[FailedDeploy, ...]
    unlinked: tuple[UnlinkedIncident, ...]
    uncounted: tuple[UncountedName, ...]
    twice: tuple[DoubleReports, ...]
    doubtful: tuple[DoubtfulTarget, ...]
    slowest: tuple[SlowestChange, ...]
    silent: tuple[SilentSender, ...]

    def of(self, name: str) -> Sequence[ReviewLine]:
        """Return the lines of the section *name*, one of `review.SECTIONS`."""
        lines: Sequence[ReviewLine] = getattr(self, name)
        return lines


class LinesLeft(Struct, frozen=True, kw_only=True):
    """How many more lines each section has."""

    failed: Count
    unlinked: Count
    uncounted: Count
    twice: Count
    doubtful: Count
    slowest: Count
    silent: Count


class ReviewFilter(Struct, frozen=True, kw_only=True):
    """What the review is limited to."""

    repo: str | None
    team: str | None


class Review(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a week compares with the one before, what happened in it, and what needs a decision."""

    definitions: Definitions
    week: str
    filter: ReviewFilter
    from_: Time
    to: Time
    as_of: AsOf
    figures: Figures
    before: Annotated[Figures | None, about("those of the week before, or of the same part of it")]
    change: Annotated[SeriesChange | None, about("what became of each figure since the week before")]
    happened: Annotated[tuple[Happening, ...], about("what is open first, then what is severe")]
    happened_left: Annotated[Count, about("how many more there are")]
    open: Annotated[Count, about("lines without a decision")]
    done: Count
    sections: ReviewSections
    left: LinesLeft
