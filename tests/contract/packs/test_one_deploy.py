"""A deploy that several tools report is one, whatever each of them knows and whichever comes first."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from gitdailies_core.deploys.deploy import event_of
from gitdailies_core.deploys.routing import DeployRoute, DeployRoutes
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of
from gitdailies_dora.figures.history.facts import Facts

from tests.contract.packs.test_deploy_samples import request
from tests.support.figures.asking import REPO, compute, started

# Each tool that once named something of its own as the service of a deploy, and a sample that it finished.
# Two of them name no commit: the step reports their deploys.
TOOLS: Mapping[str, str] = {
    "argocd": "deploy.succeeded.annotated",
    "aws": "codepipeline.action.deploy.succeeded.with-commit",
    "azure-devops": "run-state-changed.succeeded",
    "cdevents": "service.upgraded.0.3.0.custom-data",
    "flux": "kustomization.reconciled",
    "gcp": "cloudbuild.success",
    "heroku": "release.deploy.succeeded",
    "honeybadger": "deployed",
    "kubernetes": "argo-rollouts.completed",
    "netlify": "deploy.ready.production",
    "octopus": "DeploymentSucceeded.release-with-commit",
    "pulumi": "stack_update.update.succeeded",
    "railway": "deployment.success",
    "render": "deploy_ended.succeeded",
    "terraform": "run-completed.applied.with-commit",
    "vercel": "deployment.succeeded.production",
}
WITHOUT_COMMIT = ("pulumi", "render")
WEBHOOK = "deployment_status.success.actions"
A, B = "a" * 40, "b" * 40
BEGAN = datetime(2026, 3, 3, 9, tzinfo=UTC)
ANYWHERE = DeployRoutes.make({"*": DeployRoute(repo=REPO, environment="production")})

Report = dict[str, Any]


def by_tool(tool: str, stem: str) -> list[Report]:
    """What the relay sends of a sample: a deploy, or nothing if the tool names no commit."""
    found = [
        one for one in registry.adapter(tool).translate(request(tool, stem), {}) if isinstance(one, Deploy)
    ]
    routed = [(one, ANYWHERE.route(one)) for one in found]
    sent = [
        event_of(one, place, tool, "k").to_wire() for one, place in routed if isinstance(place, DeployTarget)
    ]
    return [{**one, "repo": REPO} for one in sent]


def by_step(**values: Any) -> Report:
    """What a CI step sends of the run of the webhook."""
    (webhook,) = by_tool("github", WEBHOOK)
    return {**webhook, "id": "step", "reporter": "step/github-actions", **values}


def sent(reports: Iterable[Report], commit: str, hours: float) -> list[Report]:
    """Reports of a deploy of a commit, two minutes after each other."""
    return [
        {
            **report,
            "id": f"{hours}-{report['id']}",
            "run": report.get("run") and f"{report['run']}-{hours}",
            "commitSHA": commit,
            "time": text_of(BEGAN + timedelta(hours=hours, minutes=2 * number)),
        }
        for number, report in enumerate(reports)
    ]


def facts(*events: Report) -> Facts:
    return compute(events, {"now": "2026-03-20T00:00:00Z"}).facts


def types(*events: Report) -> list[str]:
    """What each deploy that counts is, in order."""
    return [one.deploy.type for one in facts(*events).deploys]


@pytest.mark.parametrize("tool", TOOLS)
def test_an_incident_of_another_name_meets_the_deploy_of_a_tool(tool: str) -> None:
    """The name that an incident tool has for a service keeps no incident from a deploy."""
    reports = by_tool(tool, TOOLS[tool]) or [by_step()]
    incident = started("s", "03T09:10:00", service="Checkout (production)")
    (found,) = facts(*sent(reports, A, 0), incident).incidents
    assert found.link.deploy is not None
    assert all(report.get("service") is None for report in reports)


@pytest.mark.parametrize("said", ["deploy", "rollback"])
@pytest.mark.parametrize("service", [None, "checkout"])
@pytest.mark.parametrize("tool", ["argocd", "vercel", "heroku", "render", "netlify"])
def test_a_deploy_by_three_reporters_is_one_and_so_is_its_rollback(
    tool: str, service: str | None, said: str
) -> None:
    """Step, webhook and tool, in each order: also where only the step names the service, or says rollback."""
    tools = by_tool(tool, TOOLS[tool])
    assert bool(tools) is (tool not in WITHOUT_COMMIT)
    step = by_step() if service is None else by_step(service=service)
    for first in permutations([step, *by_tool("github", WEBHOOK), *tools]):
        back = [{**one, "type": said} if one["reporter"].startswith("step/") else one for one in first]
        events = [*sent(first, A, 0), *sent(first, B, 5), *sent(back, A, 9)]
        assert types(*events) == ["deploy", "deploy", "rollback"]
        assert {one.deploy.target.service for one in facts(*events).deploys} == {service}


@pytest.mark.parametrize("tool", ["argocd", "vercel", "heroku", "netlify"])
def test_two_services_are_kept_apart_beside_webhooks_that_name_none(tool: str) -> None:
    """Each service has its own deploys and rollbacks, whichever report comes first."""
    others = [*by_tool("github", WEBHOOK), *by_tool(tool, TOOLS[tool])]
    for order in permutations([0, 1, 2]):

        def one(service: str, commit: str, hours: float, order: tuple[int, ...] = order) -> list[Report]:
            reports = [by_step(service=service), *others]
            return sent([reports[number] for number in order], commit, hours)

        events = [
            *one("api", A, 0),
            *one("web", B, 2),
            *one("api", B, 4),
            *one("api", A, 8),
            *one("web", A, 24),
        ]
        found = [(one.deploy.target.service, one.deploy.type) for one in facts(*events).deploys]
        kept = [
            ("api", "deploy"),
            ("web", "deploy"),
            ("api", "deploy"),
            ("api", "rollback"),
            ("web", "deploy"),
        ]
        assert found == kept


def test_one_commit_of_two_services_is_two_deploys() -> None:
    """Two runs of one platform deploy a service each; each webhook is of the run that it names."""
    for order in permutations(range(4)):
        (webhook,) = by_tool("github", WEBHOOK)
        runs = [f"github-actions:{number}" for number in (1, 2)]
        reports = [
            *(by_step(service=name, run=run) for name, run in zip(("api", "web"), runs, strict=True)),
            *({**webhook, "run": run, "id": run} for run in runs),
        ]
        found = facts(*sent([reports[number] for number in order], A, 0))
        assert sorted(one.deploy.target.service or "" for one in found.deploys) == ["api", "web"]
