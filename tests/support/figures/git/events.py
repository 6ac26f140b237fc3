"""The deploys of the week, and the new commits of each, worked out by hand in `derivation.md`."""

from collections.abc import Mapping
from typing import Any

from gitdailies_core.events.events import Event

HOUR = 3600
REPO = "larkspur/checkout-api"

# Id, commit, time and other fields; d is production, w web, e staging.
DEPLOYS: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("d01", "c2", "02T10:00", {}),
    ("d02", "m1", "03T10:00", {}),
    ("d03", "s2", "03T15:00", {}),
    ("d04", "q1", "04T10:00", {}),
    ("d05", "r1", "04T12:00", {}),
    ("d06", "h1", "04T13:30", {"type": "hotfix"}),
    ("d07", "c5", "04T16:00", {}),
    ("d08", "r1", "04T18:00", {"type": "rollback"}),
    ("d09", "c6", "05T09:00", {}),
    ("d10", "c6", "05T10:00", {}),
    ("w1", "c2", "02T10:30", {"environment": "web"}),
    ("w2", "s2", "03T15:30", {"environment": "web", "commits": {"s2": "03T12:00"}}),
    ("w3", "r1", "04T12:30", {"environment": "web"}),
    ("w4", "c6", "05T11:00", {"environment": "web", "commits": {"c6": "05T08:00", "r1": "04T11:00"}}),
    ("e1", "p2", "02T14:00", {"environment": "staging"}),
    ("e2", "s2", "03T13:00", {"environment": "staging"}),
    ("e3", "w2", "03T18:00", {"environment": "staging"}),
    ("e4", "c6", "05T08:30", {"environment": "staging"}),
)

# Hours by commit, None without a lead time; or the reason why a deploy is unknown. d10 is a repeat.
BROUGHT: Mapping[str, Mapping[str, float | None] | str] = {
    "d01": "no-predecessor",
    "d02": {"p1": 23, "p2": 22, "c3": 21},
    "d03": {"s1": 4, "s2": 3},
    "d04": {"q1": 2},
    "d05": {"r1": 1},
    "d06": {"h1": 0.5},
    "d07": {"c4": None, "c5": 88},
    "d08": {},
    "d09": {"c6": 1},
    "w1": "no-predecessor",
    "w2": {"p1": 28.5, "p2": 27.5, "c3": 26.5, "s1": 4.5, "s2": 3.5},
    "w3": {"q1": 4.5, "r1": 1.5},
    "w4": {"h1": 22, "c4": 15, "c5": 107, "c6": 3},
    "e1": "no-predecessor",
    "e2": {"c3": 24, "s1": 2, "s2": 1},
    "e3": {"w1": 2, "w2": 1},
    "e4": {"q1": 24.5, "r1": 21.5, "h1": 19.5, "c4": 12.5, "c5": 104.5, "c6": 0.5},
}

# changeLeadTime, by question: median, p90, count, unknown deploys, unknown commits.
ANSWERS: Mapping[str, tuple[Mapping[str, str], tuple[float, float, int, int, int]]] = {
    "production": ({}, (3.5 * HOUR, 29.5 * HOUR, 10, 1, 1)),
    "web": ({"environment": "web"}, (15 * HOUR, 28.5 * HOUR, 11, 1, 0)),
    "staging": ({"environment": "staging"}, (12.5 * HOUR, 24.5 * HOUR, 11, 1, 0)),
}
# The same of web without a repository: w4 lists a commit that w3 had, and one that is new.
WEB_ALONE = (3 * HOUR, 3 * HOUR, 1, 3, 0)
PERIOD = {"from": "2026-03-01", "now": "2026-03-06"}


def deploys(shas: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the events, of the commits that *shas* names."""
    return [_event(id_, sha, at, more, shas) for id_, sha, at, more in DEPLOYS]


def _event(id_: str, sha: str, at: str, more: Mapping[str, Any], shas: Mapping[str, str]) -> dict[str, Any]:
    listed = more.get("commits")
    fields = {**more, "commits": listed and [{"sha": shas[c], "time": _time(t)} for c, t in listed.items()]}
    event = {"id": id_, "kind": "deployed", "repo": REPO, "commitSHA": shas[sha], "time": _time(at)}
    return Event.from_wire({**event, **fields}).to_wire()


def _time(text: str) -> str:
    return f"2026-03-{text}:00Z"
