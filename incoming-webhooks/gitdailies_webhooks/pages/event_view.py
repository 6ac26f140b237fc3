"""Turn the detail of an event, as the API has it, into what its page shows: sentences, links and times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived import detail
from gitdailies_webhooks.figures import corrections, incidents, metrics, reasons, story
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.pages.event_links import Piece, commit_url, event_url, linked
from gitdailies_webhooks.pages.event_titles import title_of
from gitdailies_webhooks.pages.formatting import duration, moment, unbroken_units, window, zone_name

# The names of the figures.
NAMES = {
    metrics.FREQUENCY: "Deployment frequency",
    metrics.LEAD_TIME: "Change lead time",
    metrics.FAIL_RATE: "Change fail rate",
    metrics.RECOVERY: "Failed deployment recovery time",
    metrics.REWORK: "Deployment rework rate",
    reasons.ALL: "Every figure",
}

_SHORT_SHA = 12
_GAPS = {
    story.LEAD_TIME: "{} lead time of its newest commit",
    story.UNTIL_NOTICED: "{} until it was noticed",
    story.STILL_OPEN: "{} later, still open",
    story.BETWEEN: "{} later",
}
_TYPES = {"rollback": "Rollback", "hotfix": "Hotfix"}
# Why an incident is attributed to the deploy, or to none.
_HOW = {
    incidents.BY_CAUSE: "the incident names its commit as the cause",
    incidents.BY_TIME: "it is the latest deploy in the window before the incident",
    incidents.NO_SUCH_COMMIT: "the incident names a commit as its cause, and no deploy has this commit",
    incidents.BY_HAND: "a correction says so",
    incidents.NO_SUCH_DEPLOY: "a correction names a deploy that does not exist or does not count there",
    incidents.NO_CAUSE: "a correction, or its causedBy, says that no deploy caused it",
    corrections.NOT_AN_INCIDENT: "a correction says that it is not an incident",
}
_STATES = {
    detail.FAILED: "failed",
    detail.PENDING: "pending",
    detail.SUCCEEDED: "did not fail",
    detail.REPEAT: "repeat",
    detail.OPEN: "open",
    detail.RESOLVED: "resolved",
    detail.CLOSED: "closed without a recovery",
    detail.DUPLICATE: "duplicate",
    detail.DISMISSED: "not an incident",
    detail.WAITING: "not counted yet",
}
_BAD = (detail.FAILED, detail.OPEN)
# A time in the sentence of a reason, as the API has it.
_TIME = re.compile(r"(?<= )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?=[\s,;:.]|$)")


# What a person may say, and its words.
_DEPLOY_CHOICES = ((corrections.FAILED, "It failed"), (corrections.NOT_FAILED, "It did not fail"))
_INCIDENT_CHOICES = (
    (corrections.NO_DEPLOY, "No deploy caused it"),
    (corrections.NOT_AN_INCIDENT, "It is not an incident"),
)
DECIDED = {
    corrections.DEPLOY: "this deploy caused it",
    corrections.NO_DEPLOY: "no deploy caused it",
    corrections.NOT_AN_INCIDENT: "it is not an incident",
    corrections.FAILED: "it failed",
    corrections.NOT_FAILED: "it did not fail",
}


class Link(NamedTuple):
    """A related event: its text, its address, and what more is known of it."""

    text: str
    href: str
    note: str = ""


class Step(NamedTuple):
    """A node of the timeline: when, what, and where it leads. `gap` is the line above it, or ""."""

    time: str
    iso: str
    what: str
    text: str
    href: str
    outside: str
    outside_text: str
    gap: str


def deploy_view(found: Mapping[str, Any], settings: FigureSettings) -> dict[str, Any]:
    """Return what the page of a deploy shows beside its event."""
    zone = settings.zone
    related, body = found["related"], found["event"]
    return {
        "state": _STATES[found["state"]],
        "bad": found["state"] in _BAD,
        "summary": _deploy_summary(found, zone),
        "before": _link(related["before"], body["time"], "earlier"),
        "after": _link(related["after"], body["time"], "later"),
        "fixes": _link(related["fixes"]),
        "remedies": [_link(ref) for ref in related["remedies"]],
        "commits": [_commit(change, body, zone) for change in found["commits"]],
        "commits_unknown": found["commitsUnknown"],
        "steps": _steps(found, zone),
        "verdicts": _verdicts(found, zone),
        "correction": _correction(found, zone),
        "choices": [] if found["state"] in (detail.WAITING, detail.REPEAT) else _DEPLOY_CHOICES,
    }


def incident_view(found: Mapping[str, Any], settings: FigureSettings) -> dict[str, Any]:
    """Return what the page of an incident shows beside its event."""
    zone = settings.zone
    related = found["related"]
    return {
        "state": _STATES[found["state"]],
        "bad": found["state"] in _BAD,
        "summary": _incident_summary(found, zone),
        "attribution": _attribution(found, window(settings.window.total_seconds())),
        "merged_into": _link(related["mergedInto"]),
        "occurrences": [_occurrence(ref, zone) for ref in related["incidents"]],
        "steps": _steps(found, zone),
        "verdicts": _verdicts(found, zone),
        "correction": _correction(found, zone),
        "choices": [] if found["state"] in (detail.WAITING, detail.DUPLICATE) else _INCIDENT_CHOICES,
    }


def end_view(found: Mapping[str, Any], settings: FigureSettings) -> dict[str, Any]:
    """Return what the page of the end of an incident shows beside its event."""
    zone = settings.zone
    related = found["related"]
    return {
        "occurrences": [_occurrence(ref, zone) for ref in related["incidents"]],
        "cause": _link(related["deploy"]),
        "merged_into": _link(related["mergedInto"]),
        "verdicts": _verdicts(found, zone),
    }


def name_of(ref: Mapping[str, Any]) -> str:
    """Return the name of an event in a sentence: deploy 4f0c2d6b8e1a, incident INC-1134."""
    if ref["kind"] == DEPLOYED:
        return f"{_TYPES.get(ref.get('type', ''), 'deploy').lower()} {title_of(ref).short}"
    return f"incident {ref.get('incidentId', ref['id'])}"


def _deploy_summary(found: Mapping[str, Any], zone: tzinfo) -> list[Piece]:
    state, related = found["state"], found["related"]
    if state == detail.WAITING:
        return [Piece("It arrived a moment ago and is not counted yet. Reload this page.")]
    if state == detail.REPEAT:
        return [Piece("It repeats "), _piece(related["repeats"]), Piece(" and counts for nothing.")]
    if state == detail.PENDING:
        until = _zoned(_us(found["settledAt"]), zone)
        return [Piece(f"It has not failed so far, and is judged from {until} on.")]
    if state == detail.SUCCEEDED and found["correction"] is not None:
        return [Piece("It did not fail: a correction says so.")]
    if state == detail.SUCCEEDED:
        return [Piece("Neither an incident nor a later deploy made it fail.")]
    return _failure(found)


def _failure(found: Mapping[str, Any]) -> list[Piece]:
    related = found["related"]
    causes = related["incidents"] or related["remediedBy"]
    if not causes:
        return [Piece("Failed: a correction says so.")]
    by = [Piece("Failed: " if related["incidents"] else "Failed: remedied by ")]
    for at, ref in enumerate(causes):
        by += [Piece(", ")] * (at > 0) + [_piece(ref)]
    if found["recoveredBy"] == "incident":
        return [*by, Piece(f", recovered after {duration(found['recoverySeconds'])}.")]
    if found["recoveredBy"] == "remedy":
        took = duration(found["recoverySeconds"])
        return [*by, Piece(f", {took} after it. No incident tells a recovery.")]
    still = any(ref["endedAt"] is None for ref in related["incidents"])
    return [*by, Piece(". It has not recovered yet." if still else ". No recovery is known.")]


def _incident_summary(found: Mapping[str, Any], zone: tzinfo) -> list[Piece]:
    state, began = found["state"], _us(found["event"]["time"])
    if state == detail.WAITING:
        return [Piece("It arrived a moment ago and is not counted yet. Reload this page.")]
    if state == detail.DUPLICATE:
        return [Piece("The incident was already open, so this start changes nothing.")]
    if state == detail.DISMISSED:
        return [Piece("A correction says that it is not an incident. It counts in no figure.")]
    if state == detail.OPEN:
        return [Piece(f"Open for {duration((_us(found['asOf']) - began) / 1_000_000)}.")]
    took = duration(found["durationSeconds"])
    if state == detail.CLOSED:
        return [Piece(f"Merged, canceled or deleted after {took}, without a recovery of its own.")]
    return [Piece(f"Resolved after {took}, {_zoned(_us(found['related']['resolution']['time']), zone)}.")]


def _attribution(found: Mapping[str, Any], before: str) -> dict[str, Any] | None:
    """Return the deploy that made an incident, or why there is none; *before* is the length of the window."""
    attribution, cause = found["attribution"], found["related"]["deploy"]
    if attribution["how"] is None:
        return None
    wide = attribution["wide"]
    return {
        "deploy": _link(cause, found["event"]["time"], "before the incident"),
        "because": _HOW.get(attribution["how"], ""),
        "none_before": before if attribution["how"] == incidents.NO_DEPLOY else "",
        "caused_by": attribution["causedBy"],
        "caused_by_url": commit_url("", "", attribution["causedBy"] or ""),
        "wide": _link(wide, found["event"]["time"], "before the incident"),
        "near": [(ref["id"], _link(ref, found["event"]["time"], "")) for ref in attribution["near"]],
    }


def _correction(found: Mapping[str, Any], zone: tzinfo) -> dict[str, Any] | None:
    """Return what a person decided about an event, with who, when and why."""
    made = found["correction"]
    if made is None:
        return None
    return {
        "what": DECIDED[made["what"]],
        "by": made["by"],
        "at": _zoned(_us(made["at"]), zone),
        "reason": made["reason"],
    }


def _occurrence(ref: Mapping[str, Any], zone: tzinfo) -> Link:
    began = _us(ref["time"])
    note = _zoned(began, zone)
    if ref["endedAt"] is None:
        return Link(name_of(ref), event_url(ref["id"], ref["kind"]), f"started {note}, open")
    took = duration((_us(ref["endedAt"]) - began) / 1_000_000)
    return Link(name_of(ref), event_url(ref["id"], ref["kind"]), f"started {note}, ended after {took}")


def _link(ref: Mapping[str, Any] | None, than: str = "", word: str = "") -> Link | None:
    """Return a link to a related event, with how much earlier or later it is than the time *than*."""
    if ref is None:
        return None
    note = ""
    if than:
        apart = _us(ref["time"]) - _us(than)
        side = word or ("later" if apart > 0 else "earlier")
        note = f"{duration(abs(apart) / 1_000_000)} {side}"
    return Link(name_of(ref), event_url(ref["id"], ref["kind"]), note)


def _piece(ref: Mapping[str, Any] | None) -> Piece:
    return Piece("a deploy") if ref is None else Piece(name_of(ref), event_url(ref["id"], ref["kind"]))


def _commit(change: Mapping[str, Any], body: Mapping[str, Any], zone: tzinfo) -> dict[str, str]:
    lead = change["leadTimeSeconds"]
    if lead is not None:
        result = "yes"
    elif not change["new"]:
        result = "no: it was here before"
    else:
        result = "no: it has no time" if change["time"] is None else "no: its time is after the deploy"
    return {
        "sha": change["sha"][:_SHORT_SHA],
        "href": commit_url(str(body.get("url", "")), str(body["repo"]), change["sha"]),
        "time": "" if change["time"] is None else _zoned(_us(change["time"]), zone),
        "lead": duration(lead),
        "result": result,
    }


def _verdicts(found: Mapping[str, Any], zone: tzinfo) -> list[dict[str, Any]]:
    references = _references(found)
    return [
        {
            "name": NAMES[verdict["figure"]],
            "counts": verdict["counts"],
            "pieces": [_readable(piece, zone) for piece in linked(verdict["reason"], references)],
            "advice": "" if verdict["counts"] else verdict["advice"],
        }
        for verdict in found["verdicts"]
    ]


def _readable(piece: Piece, zone: tzinfo) -> Piece:
    """Write the times of a sentence as the rest of the page does. A name stays as it is."""
    if piece.href:
        return piece
    return Piece(unbroken_units(_TIME.sub(lambda at: _zoned(_us(at[0]), zone), piece.text)))


def _references(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return every related event, and the event itself."""
    near = found.get("attribution", {}).get("near", [])
    wide = found.get("attribution", {}).get("wide")
    several: Iterable[Mapping[str, Any]] = (
        ref
        for value in (*found["related"].values(), near, wide)
        for ref in (value if isinstance(value, list) else [value] if value else [])
    )
    return [found["event"], *several]


def _steps(found: Mapping[str, Any], zone: tzinfo) -> list[Step]:
    by_id = {ref["id"]: ref for ref in _references(found)}
    return [_step(node, by_id, found, zone) for node in found["timeline"]]


def _step(
    node: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any], zone: tzinfo
) -> Step:
    body = by_id.get(node["of"] or node["id"] or "", {})
    text, href, outside, outside_text = "Now", "", "", ""
    if node["what"] == story.COMMIT:
        text, href = f"Commit {node['sha'][:_SHORT_SHA]}", _commit_of(node["sha"], by_id.values())
    elif node["what"] != story.NOW:
        if node["id"] != found["event"]["id"]:  # a page has no link to itself
            href = event_url(node["id"], body.get("kind", "") if node["of"] is None else "")
        text = _happened(node["what"], body, found)
        if node["of"] is None and str(body.get("url", "")).startswith(("https://", "http://")):
            outside = str(body["url"])
            outside_text = "CI run" if body["kind"] == DEPLOYED else "at the vendor"
    gap = _GAPS[node["gap"]].format(duration(node["afterSeconds"])) if node["gap"] else ""
    at = _us(node["time"])
    return Step(_to_the_second(at, zone), node["time"], node["what"], text, href, outside, outside_text, gap)


def _happened(what: str, body: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if what in (story.DEPLOY, story.REMEDY):
        kind = _TYPES.get(body.get("type", ""), "Deploy")
        if body.get("id") == found["event"]["id"]:
            kind = _TYPES.get(found.get("type", ""), kind)
        environment = f" to {body['environment']}" if body.get("environment") else ""
        return f"{kind} {title_of(body).short}{environment}" if body else kind
    words = {
        story.STARTED: "Incident started",
        story.RESOLVED: "Incident resolved",
        story.CLOSED: "Incident closed without a recovery",
    }
    named = title_of(body).short if what == story.STARTED else str(body.get("incidentId", ""))
    return f"{words[what]}: {named}" if named else words[what]


def _commit_of(sha: str, events: Iterable[Mapping[str, Any]]) -> str:
    deploys: Sequence[Mapping[str, Any]] = [one for one in events if one["kind"] == DEPLOYED]
    addresses = [(str(one.get("url", "")), str(one.get("repo", ""))) for one in deploys]
    urls = [commit_url(address, repo, sha) for address, repo in addresses]
    return next((url for url in urls if url.startswith("http")), commit_url("", "", sha))


def _zoned(at: int, zone: tzinfo) -> str:
    return f"{moment(at, zone)} {zone_name(at, zone)}"


def _to_the_second(at: int, zone: tzinfo) -> str:
    return f"{moment(at, zone)}:{at // 1_000_000 % 60:02d} {zone_name(at, zone)}"


def _us(text: str) -> int:
    return to_us(parse(text, "time"))
