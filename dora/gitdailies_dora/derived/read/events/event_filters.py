"""Filters of a list of events that need more than its columns: a team, and the outcome of an event.

An outcome is what the rows say about a deploy, or the start of an incident. Its titles are the words that
the list shows.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows, team_targets
from gitdailies_dora.derived.read.question import team_key
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.figures.history.facts import CORRECTED as CORRECTED_BY
from gitdailies_dora.figures.history.facts import NAMED, REMEDIED, TIME
from gitdailies_dora.figures.history.incidents import BY_CAUSE, BY_HAND
from gitdailies_dora.figures.history.remedies import REWORK as REWORKED
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.history.teams import Teams
from gitdailies_dora.figures.words.rates import EVIDENCE_WORDS
from gitdailies_dora.sql.bulk import among, among_sql

KIND, REPO, ENVIRONMENT, SERVICE = "kind", "repo", "environment", "service"
OPEN, CORRECTED, MAY_HAVE_FAILED = "open", "corrected", "may-have-failed"

_KNOWN = "i.since <= :now AND i.until > :now"
_INCIDENT_OF_IT = f"EXISTS (SELECT 1 FROM figures_incidents i WHERE i.deploy = d.id AND {_KNOWN} AND i.how"  # noqa: S608  constants
# Why a deploy counts as failed, as `facts.evidence_of` says.
_EVIDENCE = f"""
CASE WHEN d.judged = 'not-failed' THEN '' WHEN d.judged = 'failed' THEN '{CORRECTED_BY}'
WHEN {_INCIDENT_OF_IT} = '{BY_HAND}') THEN '{CORRECTED_BY}'
WHEN {_INCIDENT_OF_IT} = '{BY_CAUSE}') THEN '{NAMED}'
WHEN d.remedied_at <= :now THEN '{REMEDIED}'
WHEN {_INCIDENT_OF_IT} <> :none) THEN '{TIME}' ELSE '' END
"""
_FAILED, _NOT_FAILED = f"d.counts = 1 AND {_EVIDENCE} <> ''", f"d.counts = 1 AND {_EVIDENCE} = ''"
# The ids that are looked up first.
_LISTED = "d.id IN_IDS"
_HAS_CORRECTION = (
    "EXISTS (SELECT 1 FROM corrections c"
    " WHERE c.event IN (events.id, events.id || ' rework', events.id || ' moved'))"
)


class OutcomeFilter(NamedTuple):
    """An outcome: its title, and the condition that an event has it.

    `:now` and `:settled` are moments, and `:none` is the way of attribution that makes no deploy fail.
    """

    title: str
    condition: str


def _deploy(title: str, condition: str) -> OutcomeFilter:
    found = f"SELECT 1 FROM figures_deploys d WHERE d.id = events.id AND d.at <= :now AND {condition}"  # noqa: S608  constants
    return OutcomeFilter(title, f"EXISTS ({found})")


def _incident(title: str, condition: str) -> OutcomeFilter:
    found = f"SELECT 1 FROM figures_incidents i WHERE i.id = events.id AND i.at <= :now AND {condition}"  # noqa: S608  constants
    return OutcomeFilter(title, f"EXISTS ({found})")


_CORRECTED = OutcomeFilter("corrected", _HAS_CORRECTION)
# The outcomes of each kind of event, by the word in an address.
OUTCOMES: Mapping[str, Mapping[str, OutcomeFilter]] = {
    DEPLOYED: {
        "failed": _deploy("failed", _FAILED),
        "failed-for-certain": _deploy("failed for certain", f"{_FAILED} AND {_EVIDENCE} <> '{TIME}'"),
        **{
            f"failed-{one}": _deploy(f"failed: {word}", f"d.counts = 1 AND {_EVIDENCE} = '{one}'")
            for one, word in EVIDENCE_WORDS.items()
        },
        MAY_HAVE_FAILED: _deploy("may have failed", f"d.counts = 1 AND {_EVIDENCE} = '{TIME}'"),
        "not-failed": _deploy("did not fail", f"d.at <= :settled AND {_NOT_FAILED}"),
        "pending": _deploy("too new to tell", f"d.at > :settled AND {_NOT_FAILED}"),
        "counted": _deploy("counted", "d.counts = 1"),
        "repeat": _deploy("repeat", "d.counts = 0"),
        "lead-time-unknown": _deploy("lead time unknown", "d.counts = 1 AND d.unknown <> ''"),
        "nothing-new": _deploy(
            "nothing new", "d.counts = 1 AND d.unknown = '' AND d.unknown_commits = 0 AND d.leads = ''"
        ),
        query.REWORK: _deploy("rework", f"d.counts = 1 AND (d.rework = {REWORKED} OR {_LISTED})"),
        **{
            one: _deploy(title, _LISTED)
            for one, title in (
                (query.INFERRED, "inferred fix"),
                (query.RECOVERED, "failed and recovered"),
                (query.STILL_OPEN, "failed, still open"),
                (query.BY_REMEDY, "failed, timed by the remedy"),
                (query.RECOVERY_UNKNOWN, "failed, recovery unknown"),
            )
        },
        CORRECTED: _CORRECTED,
    },
    INCIDENT_STARTED: {
        OPEN: _incident("open", f"{_KNOWN} AND (i.ended_at IS NULL OR i.ended_at > :now)"),
        "attributed": _incident("attributed", f"{_KNOWN} AND i.deploy IS NOT NULL"),
        "unlinked": _incident("unlinked", f"{_KNOWN} AND i.deploy IS NULL AND i.how <> 'no-cause'"),
        "linked-in-72-h": _incident(
            "unlinked, but not with a window of 72 h",
            f"{_KNOWN} AND i.deploy IS NULL AND i.wide IS NOT NULL",
        ),
        "of-no-deploy": _incident("unlinked, for any reason", f"{_KNOWN} AND i.deploy IS NULL"),
        "no-deploy": _incident(
            "unlinked: no deploy caused it", f"{_KNOWN} AND i.deploy IS NULL AND i.how = 'no-cause'"
        ),
        "not-an-incident": _incident("not an incident", "i.how = 'not-an-incident'"),
        "duplicate": OutcomeFilter(
            "duplicate",
            "NOT EXISTS (SELECT 1 FROM figures_incidents i WHERE i.id = events.id)"
            " AND events.repo IS NOT NULL AND events.time <= :now"
            " AND events.seq <= (SELECT seq FROM figures_read)",
        ),
        CORRECTED: _CORRECTED,
    },
}
# Where an event counts, by its kind: production has many names, and a deploy may be of another's service.
_COUNTS: Mapping[str, str] = {
    DEPLOYED: "EXISTS (SELECT 1 FROM figures_deploys d WHERE d.id = events.id AND d.{} = ?)",
    INCIDENT_STARTED: "EXISTS (SELECT 1 FROM figures_incidents i WHERE i.id = events.id AND i.{} = ?)",
}
_FOLDED_SERVICE = "lower(trim(coalesce(service, '')))"
_GIVEN = re.compile(r":(now|settled|none|ids)")


class Resolved(NamedTuple):
    """What is wanted, with its conditions. Every event received before `as_of` (µs) has its outcome."""

    wanted: query.Wanted
    as_of: int


def needed(wanted: query.Wanted) -> bool:
    """Whether a list has a filter of this module."""
    return bool(wanted.team or wanted.outcome)


def check(wanted: query.Wanted, teams: Teams) -> None:
    """Raise Refusal for a team or an outcome that does not exist, or that the kind does not have."""
    if wanted.team:
        team_key(wanted.team, teams)
    if wanted.outcome:
        _kinds(wanted)


def _kinds(wanted: query.Wanted) -> list[str]:
    kind = wanted.filters.get(KIND)
    if kind and kind not in OUTCOMES:
        raise refusal("request", f"outcome: events of the kind {kind} have none; choose another kind")
    possible = {name: words for name, words in OUTCOMES.items() if kind in (None, "", name)}
    found = [name for name, words in possible.items() if wanted.outcome in words]
    if not found:
        words = list(dict.fromkeys(word for of_kind in possible.values() for word in of_kind))
        near = did_you_mean(wanted.outcome, words)
        raise refusal(
            "request", f"outcome: expected one of {', '.join(words)}, got {got(wanted.outcome)}{near}"
        )
    return found


def resolved(
    session: Session, wanted: query.Wanted, teams: Teams, settings: FigureSettings, now: int
) -> Resolved:
    """Look up what the filters mean at *now* (µs).

    Raises Refusal while the rows are for other settings: then no event has an outcome.
    """
    also: list[query.Condition] = []
    if wanted.team:
        names = spellings.names(session, settings.renames)
        also.append(team_targets.of_team(teams, team_key(wanted.team, teams), names, _FOLDED_SERVICE))
    if not wanted.outcome:
        return Resolved(replace(wanted, also=tuple(also)), now)
    if rows.outdated(session, settings):
        raise rows.not_ready(session)
    kinds, filters = _kinds(wanted), dict(wanted.filters)
    given = {"now": now, "settled": now - settings.window_us, "none": rows.no_evidence(settings)}
    environment = filters.pop(ENVIRONMENT, None)
    if any("IN_IDS" in OUTCOMES[kind][wanted.outcome].condition for kind in kinds):
        from gitdailies_dora.derived.read.events import outcome_lookup

        found = outcome_lookup.looked_up(session, wanted, environment, settings, now)
        given["ids"] = among(session, sorted(found))
    also.append(
        _any_of({kind: _timed(session, OUTCOMES[kind][wanted.outcome].condition, given) for kind in kinds})
    )
    counts_as = {"environment": environment, "service": filters.pop(SERVICE, None)}
    for column, name in counts_as.items():
        if name is not None:
            value = (settings.environment(name) if column == ENVIRONMENT else folded(name),)
            also.append(
                _any_of({kind: query.Condition(_COUNTS[kind].format(column), value) for kind in kinds})
            )
    if len(kinds) == 1:
        filters[KIND] = kinds[0]
    as_of = change_log.complete_until(session, now)
    return Resolved(replace(wanted, filters=filters, also=tuple(also)), as_of)


def _timed(session: Session, text: str, given: Mapping[str, Any]) -> query.Condition:
    text = text.replace("IN_IDS", among_sql(session))
    return query.Condition(_GIVEN.sub("?", text), tuple(given[name] for name in _GIVEN.findall(text)))


def _any_of(by_kind: Mapping[str, query.Condition]) -> query.Condition:
    text = " OR ".join(f"(events.kind = ? AND {one.text})" for one in by_kind.values())
    return query.Condition(
        f"({text})", tuple(value for kind, one in by_kind.items() for value in (kind, *one.values))
    )
