"""A week that was made up: an outage, a bad deploy, a rollback, and an incident that goes on.

Four usual weeks are before it. A sentence about the week is in the docstring of `events_of`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any

from gitdailies_connection.config.sections.settings import TeamSettings

TEAMS = (
    TeamSettings("store", "Storefront", ("larkspur/shop", "larkspur/cart"), ()),
    TeamSettings("pay", "Payments", ("larkspur/pay", "larkspur/ledger"), ()),
    TeamSettings("base", "Platform", ("larkspur/auth",), ()),
)
REPOS = ("shop", "cart", "pay", "ledger", "auth")
OPEN = "Search index is behind"


def last_monday() -> datetime:
    """Return when the last whole week began, in UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 7)


def events_of(monday: datetime) -> list[dict[str, Any]]:
    """Return the events of the week from *monday*, and of the four weeks before.

    On Tuesday, three repositories of three teams were down for three hours, and no deploy caused it. On
    Wednesday, a deploy of `pay` made payments fail for 50 minutes and was rolled back. On Thursday, a deploy
    of `cart` was rolled back, and nobody opened an incident. Since Friday, an incident of `shop` is open.
    """
    return [*_usual(monday - timedelta(weeks=4), 4), *_week(monday)]


def _usual(monday: datetime, weeks: int) -> Iterator[dict[str, Any]]:
    for day in range(weeks * 7):
        for number, repo in enumerate(REPOS):
            at = monday + timedelta(days=day, hours=9, minutes=number)
            if at.weekday() < 5:
                yield _deploy(repo, at)


def _week(monday: datetime) -> Iterator[dict[str, Any]]:
    yield from _usual(monday, 1)
    for repo in ("shop", "pay", "auth"):
        yield from _incident(
            f"INC-20-{repo}",
            repo,
            monday + timedelta(days=1, hours=14),
            timedelta(hours=3),
            "Database of sessions is down",
            "SEV-1",
            causedBy="none",
        )
    bad = monday + timedelta(days=2, hours=13)
    yield _deploy("pay", bad)
    yield from _incident(
        "INC-21", "pay", bad + timedelta(minutes=10), timedelta(minutes=50), "Payments fail", "SEV-2"
    )
    yield _deploy("pay", bad + timedelta(minutes=55), type="rollback", commits=[])
    worse = monday + timedelta(days=3, hours=15)
    yield _deploy("cart", worse)
    yield _deploy("cart", worse + timedelta(minutes=12), type="rollback", commits=[])
    yield from _incident("INC-22", "shop", monday + timedelta(days=4, hours=16), None, OPEN, "SEV-3")


def _deploy(repo: str, at: datetime, **more: Any) -> dict[str, Any]:
    sha = sha1(f"{repo} {at}".encode(), usedforsecurity=False).hexdigest()
    return {
        "kind": "deployed",
        "id": f"{repo}-{at:%m%d%H%M}",
        "repo": f"larkspur/{repo}",
        "environment": "production",
        "commitSHA": sha,
        "time": at.isoformat(),
        "run": f"github-actions:{sha[:9]}",
        "reporter": "step/github-actions",
        "commits": [{"sha": sha, "time": (at - timedelta(hours=5)).isoformat()}],
        **more,
    }


def _incident(
    id_: str, repo: str, at: datetime, lasts: timedelta | None, title: str, severity: str, **more: Any
) -> Iterator[dict[str, Any]]:
    what = {"incidentId": id_, "repo": f"larkspur/{repo}", "environment": "production", "source": "pagerduty"}
    named = {"title": title, "severity": severity, **more}
    yield {**what, **named, "kind": "incidentStarted", "id": f"{id_}-start", "time": at.isoformat()}
    if lasts is not None:
        ended = (at + lasts).isoformat()
        yield {**what, "kind": "incidentResolved", "id": f"{id_}-end", "time": ended}
