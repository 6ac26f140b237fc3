"""Realistic histories of any size.

Repositories deploy one or two services to three environments. A deploy has a few commits; some deploys
are rollbacks or hotfixes. One production deploy in eight has an incident, and one incident in thirty
names the commit at fault. Events are in order of time.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

YEARS = 3
ENVIRONMENTS = ("production", "production", "production", "prod", "staging", "qa")

Body = dict[str, Any]


def events(count: int, repositories: int, until: datetime, seed: int = 1) -> Iterator[Body]:
    """Yield *count* events of the three years before *until*."""
    chance = random.Random(seed)
    began = until - timedelta(days=365 * YEARS)
    # On average a deploy adds a quarter of the events of an incident.
    step = (until - began) / count
    waiting: list[tuple[datetime, Body]] = []
    for number in range(count):
        at = began + step * number
        if waiting and waiting[0][0] <= at:
            yield waiting.pop(0)[1]
            continue
        repo = f"larkspur/service-{chance.randrange(repositories):03}"
        environment = chance.choice(ENVIRONMENTS)
        service = chance.choice(("api", "api", "web", None))
        where = {"repo": repo, "environment": environment, **({"service": service} if service else {})}
        sha = f"{chance.getrandbits(160):040x}"
        yield _deploy(chance, number, at, where, sha)
        if environment in ("production", "prod") and chance.random() < 0.125:
            start = at + timedelta(minutes=chance.randint(1, 300))
            end = start + timedelta(minutes=chance.randint(5, 600))
            waiting += _incident(chance, number, start, end, where, sha)
            waiting.sort(key=lambda event: event[0])


def _deploy(chance: random.Random, number: int, at: datetime, where: Body, sha: str) -> Body:
    shas = [sha, *(f"{chance.getrandbits(160):040x}" for _ in range(chance.randint(0, 3)))]
    commits = [
        {"sha": commit, "time": text(at - timedelta(minutes=chance.randint(10, 5000)))} for commit in shas
    ]
    kind = chance.choices(("deploy", "rollback", "hotfix"), (94, 3, 3))[0]
    return {
        "kind": "deployed",
        "id": f"deploy-{number}",
        **where,
        "commitSHA": sha,
        "branch": "main",
        "time": text(at),
        **({"type": kind} if kind != "deploy" else {}),
        "commits": commits,
    }


def _incident(
    chance: random.Random, number: int, start: datetime, end: datetime, where: Body, sha: str
) -> list[tuple[datetime, Body]]:
    named = {**where, "incidentId": f"INC-{number}"}
    cause = {"causedBy": sha} if chance.random() < 1 / 30 else {}
    started = {"kind": "incidentStarted", "id": f"start-{number}", **named, "time": text(start), **cause}
    ended = {"kind": "incidentResolved", "id": f"end-{number}", **named, "time": text(end)}
    return [(start, started), (end, ended)]


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
