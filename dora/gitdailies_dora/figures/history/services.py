"""The services of deploys that name none.

Tools report one deploy in several ways, and some of them know no service. Before anything is compared, a
report without a service takes one, the first that fits:

1. that of another reporter's report of the same commit, to this repository and environment, within an hour:
   of the earliest one before it, else of the first one after it;
2. the only one that deploys of this repository and environment name.

Two different runs of one platform are never one deploy.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history.commits import SHORTEST_SHA, same_commit
from gitdailies_dora.figures.history.events import HOUR_US, Deploy

Place: TypeAlias = tuple[str, str | None]  # repository and environment


def of_one_deploy(one: Deploy, other: Deploy) -> bool:
    """Whether reports by two reporters may be of one deploy: of one commit, within an hour."""
    return (
        one.reporter != other.reporter
        and abs(one.at - other.at) <= HOUR_US
        and same_commit(one.sha, other.sha)
        and not _differ(one.run or "", other.run or "")
    )


def _differ(one: str, other: str) -> bool:
    """Whether these are two runs of one platform, which their first part names."""
    platform, colon, _ = one.partition(":")
    return one != other and bool(colon) and other.startswith(platform + colon)


def with_services(
    deploys: Sequence[Deploy], named: Iterable[Deploy], only: Mapping[Place, str]
) -> list[Deploy]:
    """Return deploys with the services that they take. Those that take one are `unnamed`.

    *named* are the reports around them that name a service, and *only* is the service of each repository and
    environment where deploys name one alone.
    """
    near: dict[tuple[Place, str, int], list[Deploy]] = defaultdict(list)
    for one in named:
        for hour in range(-1, 2):
            near[one.target[:2], one.sha[:SHORTEST_SHA], one.at // HOUR_US + hour].append(one)
    found = list(deploys)
    for index, deploy in enumerate(found):
        if deploy.target.service is None:
            where = deploy.target[:2]
            around = near.get((where, deploy.sha[:SHORTEST_SHA], deploy.at // HOUR_US), ())
            reports = [one for one in around if of_one_deploy(deploy, one)]
            first = min(reports, key=lambda one: one.order, default=None)
            service = only.get(where) if first is None else first.target.service
            if service is not None:
                target = deploy.target._replace(service=service)
                found[index] = deploy._replace(target=target, unnamed=True)
    return found


def only_services(targets: Iterable[DeployTarget]) -> dict[Place, str]:
    """Return the service of each repository and environment where deploys to these targets name one alone."""
    named: dict[Place, set[str]] = defaultdict(set)
    for target in targets:
        if target.service is not None:
            named[target[:2]].add(target.service)
    return {where: next(iter(services)) for where, services in named.items() if len(services) == 1}
