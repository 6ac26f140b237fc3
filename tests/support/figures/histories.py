"""Histories made by chance, crowded on purpose: few names, few commits, few moments."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.events.events import Event
from gitdailies_dora.figures.history.teams import Teams
from hypothesis import strategies as st

HOUR = 3600
# Most in one place, so that events meet.
REPOS = ("larkspur/shop", "larkspur/shop", "larkspur/shop", "Larkspur/Shop.git", "larkspur/ledger")
ENVIRONMENTS = (None, None, "production", "production", " Live", "eu", "staging", "STAGING")
PRODUCTION = (None, "production", " Live")
SERVICES = (None, "api", "API", "web")
# One has a single service of a repository of the other.
TEAMS = Teams(
    (
        TeamSettings("pay", "Payments", ("larkspur/led*",), (("larkspur/shop", "api"),)),
        TeamSettings("shop", "Shop", ("larkspur/sh*", "larkspur/ledger"), ()),
    )
)
# Two share their first seven digits, one is cut to them.
SHAS = ("a" * 40, "b" * 40, "c" * 40, "d" * 7 + "1" * 33, "d" * 7 + "2" * 33, "d" * 7)


def text(hours: float) -> str:
    moment = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(hours=hours)
    return moment.isoformat().replace("+00:00", "Z")


# Equal moments, moments a whole window apart, an hour apart, and moments one second off.
TIMES = st.builds(
    lambda steps, second: text(steps * 8 + second / HOUR),
    st.integers(0, 15),
    st.sampled_from((0, 0, 0, 0, 1, -1, 600, -600, HOUR, HOUR + 1, 2 * HOUR)),
)
PARENTS = st.lists(st.sampled_from(SHAS), max_size=2)


def commits(parents: st.SearchStrategy[list[str] | None]) -> st.SearchStrategy[list[dict[str, Any]]]:
    commit = {
        "sha": st.sampled_from(SHAS),
        "time": st.none() | TIMES,
        "parents": parents,
        "outside": st.sampled_from((None, None, None, False, True)),
    }
    return st.lists(st.fixed_dictionaries(commit), max_size=4)


# Lists without parents, lists where each entry has them, and lists of both kinds of entries.
COMMITS = commits(st.none()) | commits(PARENTS) | commits(st.none() | PARENTS)
PLACE = {
    "repo": st.sampled_from(REPOS),
    "environment": st.sampled_from(ENVIRONMENTS),
    "service": st.sampled_from(SERVICES),
    "time": TIMES,
}
DEPLOYS = st.fixed_dictionaries(
    {
        "kind": st.just("deployed"),
        **PLACE,
        "commitSHA": st.sampled_from(SHAS) | st.sampled_from(SHAS[:3]),
        "run": st.sampled_from((None, "ci:1", "ci:1", "ci:2", "cd:1")),
        "attempt": st.sampled_from((None, None, "1", "2")),
        "reporter": st.sampled_from((None, "step/ci", "step/ci", "relay/ci", "relay/cd")),
        "trigger": st.sampled_from((None, None, "push", "tag", "manual")),
        "tier": st.sampled_from((None, None, "production", "staging")),
        "branch": st.sampled_from((None, "main", "hotfix/one")),
        "reverts": st.none() | st.none() | st.lists(st.sampled_from(SHAS), max_size=2),
        "type": st.sampled_from((None, None, "deploy", "rollback", "hotfix")),
        "commits": st.none() | COMMITS,
        "commitTime": st.none() | TIMES,
        "fixes": st.sampled_from((None, None, None, "one")),
    }
)
INCIDENT = {
    **PLACE,
    "incidentId": st.sampled_from(("one", "two", "three")),
    "causedBy": st.sampled_from((*[None] * 6, *SHAS, "c" * 8, "e" * 9, "none")),
}
STARTS = st.fixed_dictionaries({"kind": st.just("incidentStarted"), **INCIDENT})
ENDS = st.fixed_dictionaries(
    {
        "kind": st.just("incidentResolved"),
        **INCIDENT,
        "resolution": st.sampled_from((None, None, None, "merged", "cancelled", "fixed")),
    }
)


def _stored(number: int, event: dict[str, Any]) -> dict[str, Any]:
    # Ids sort otherwise than they come.
    return Event.from_wire({**event, "id": f"e{number * 7 % 61:02d}"}).to_wire()


# The commits of a branch, oldest first.
LINE = [f"{number:07}".ljust(40, "0") for number in range(99)]


def _likely(seed: int) -> list[dict[str, Any]]:
    """A repository where people deploy, go back and mend, as several tools report it."""
    chance = Random(seed)  # so that each history is another one
    pick = chance.choice
    services = pick(((None,), (None,), (None, "api"), (None, "api", "web")))
    events, open_ids, hours, head = [], [], 0.0, 5
    for number in range(chance.randint(3, 12)):
        # Often near the moments that questions are about.
        hours = pick((hours + pick(MINUTES) / 60, (hours // 8 + 1) * 8 - pick((0, 0.5, 1))))
        at = max(head + pick((1, 1, 1, 2, 3, -1, -2)), 1)
        whole, outside = pick((True, True, False)), pick(((None,), (None, False, True), (False, True)))
        commits = [
            {
                "sha": LINE[n],
                "time": text(hours - pick((1, 9))),
                "parents": [LINE[n - 1], *pick(([], [], [LINE[n - 2]]))]
                if whole or pick((True, False))
                else None,
                "outside": pick(outside),
            }
            for n in range(at, max(at - pick((1, 2, 3, 4)), 0), -1)
        ]
        deploy = {
            "kind": "deployed",
            "commitSHA": LINE[at],
            "commits": pick((None, [], *[commits] * 5, commits * 2)),
            "commitTime": pick((None, text(hours - 1))),
            "environment": pick(PRODUCTION),
            "service": pick(services),
            "run": pick((None, "ci:1", f"ci:{number}", f"ci:{number}")),
            "reporter": pick((None, "step/ci", "relay/ci")),
            "trigger": pick((None, "push", "manual")),
            "type": pick((*[None] * 7, "rollback", "hotfix")),
            "branch": pick((*[None] * 4, "main", "hotfix/one")),
            "reverts": pick((*[None] * 5, [LINE[max(at - pick((1, 2, 3)), 0)]])),
            "fixes": pick((*[None] * 9, "one")),
            "time": text(hours),
        }
        again = {
            **deploy,
            "commits": pick((None, commits)),
            "service": pick(services),
            "run": pick((None, deploy["run"], "cd:1")),
            "reporter": pick((None, "step/cd", "relay/cd")),
            "trigger": pick((None, "push")),
            "type": pick((*[None] * 3, "rollback", "hotfix")),
            "environment": pick((*PRODUCTION, "eu")),
            "time": text(hours + pick(MINUTES) / 60),
        }
        events += [deploy] if chance.random() < 0.6 else [deploy, again]
        incident = {"environment": pick(PRODUCTION), "service": pick(services)}
        for id_ in [id_ for id_ in open_ids if chance.random() < 0.6]:
            open_ids.remove(id_)
            ended = {"resolution": pick((*[None] * 5, "merged")), "time": text(hours + pick(MINUTES) / 60)}
            events.append({"kind": "incidentResolved", "incidentId": id_, **ended})
        if chance.random() < 0.4:
            open_ids.append(id_ := f"i{number}")
            incident["causedBy"] = pick((*[None] * 5, LINE[at], LINE[max(at - 2, 0)], "none"))
            started = {"incidentId": id_, "time": text(hours + pick(MINUTES) / 60)}
            events.append({"kind": "incidentStarted", **started, **incident})
        head = pick((at, max(head, at)))
    return [{"repo": REPOS[0], **event} for event in events]


MINUTES = (0, 1, 10, 20, 59, 60, 61, 120, 121, 600, 1439, 1440)
# Everywhere and at any time, so that places and periods meet, or likely ones, so that rules do.
HISTORIES = (
    st.lists(DEPLOYS | DEPLOYS | STARTS | ENDS, min_size=8, max_size=30) | st.integers(0, 2**64).map(_likely)
).map(lambda events: [_stored(number, event) for number, event in enumerate(events)])


def _in_weeks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of one place, each in one of five weeks, at the same hours."""
    found = []
    for number, event in enumerate(events):
        weeks = timedelta(weeks=number * 3 % 5)
        moment = (datetime.fromisoformat(event["time"]) + weeks).isoformat().replace("+00:00", "Z")
        found.append({**event, "repo": REPOS[0], "environment": "production", "time": moment})
    return found


# Five weeks of one repository, in which clocks are set, with more incidents than others have.
WEEKS = st.lists(DEPLOYS | STARTS | STARTS, min_size=10, max_size=50).map(
    lambda events: [_stored(number, event) for number, event in enumerate(_in_weeks(events))]
)
IDS = st.integers(0, 30).map(lambda number: f"e{number * 7 % 61:02d}")
# Corrections of some events, whatever kind each of them is: what is said, and the deploy that is named.
_OUTCOMES = st.dictionaries(
    IDS,
    st.tuples(st.just("deploy"), IDS)
    | st.tuples(st.sampled_from(("no-deploy", "not-an-incident", "failed", "not-failed")), st.none()),
    max_size=8,
)
_REWORKS = st.dictionaries(
    IDS.map(lambda id_: f"{id_} rework"),
    st.tuples(st.sampled_from(("rework", "not-rework")), st.none()),
    max_size=4,
)
CORRECTIONS = st.tuples(_OUTCOMES, _REWORKS).map(lambda both: {**both[0], **both[1]})
QUESTIONS = st.fixed_dictionaries(
    {
        "now": st.integers(8, 18).map(lambda steps: text(steps * 8)),
        "from": st.sampled_from(("2026-03-26", "2026-03-28", "2026-03-29", text(32))),
        "to": st.sampled_from(("", "", "2026-03-30", "2026-04-01", text(88), text(112))),
        "repo": st.sampled_from(("", "LARKSPUR/shop")),
        "environment": st.sampled_from(("", "", "prod", "Staging")),
        "service": st.sampled_from(("", "", "Api")),
    }
)
