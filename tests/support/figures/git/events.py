"""The deploys of the week, and the new commits of each, worked out by hand in `derivation.md`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitdailies_core.events.events import Event

HOUR = 3600
REPO = "larkspur/checkout-api"

_WEEK = json.loads(Path(__file__).with_name("week.json").read_text())
# Id, commit, time and other fields; d is production, w web, e staging.
DEPLOYS: list[tuple[str, str, str, Mapping[str, Any]]] = _WEEK["deploys"]
# Hours by commit, None without a lead time; or the reason why a deploy is unknown. d10 is a repeat.
BROUGHT: Mapping[str, Mapping[str, float | None] | str] = _WEEK["brought"]
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
