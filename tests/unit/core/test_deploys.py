"""Deploys: where one counts, which event it becomes, and which commits pushes say that it brought."""

from dataclasses import replace
from typing import Any

import pytest
from gitdailies_core.deploys.deploy import event_id, event_of
from gitdailies_core.deploys.pushes import brought, remembered, straight
from gitdailies_core.deploys.routing import SAME, DeployRoute, DeployRoutes, unwanted
from gitdailies_core.errors import PayloadError
from gitdailies_core.reasons import FILTERED, NO_COMMIT, NO_ROUTE, Reason
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.pushes import BEGAN, pushed, sha

NO_ROUTES = DeployRoutes.make({})


def deploy(**changes: Any) -> Deploy:
    given = {
        "word": "success",
        "repo": "larkspur/checkout",
        "sha": sha(1),
        "at": BEGAN,
        "platform": "circleci",
    }
    return Deploy(**{**given, **changes})


@pytest.mark.parametrize("wrong", [{"sha": "abc1234"}, {"sha": "0" * 40}, {"repo": "checkout"}, {"repo": ""}])
def test_a_deploy_that_no_event_can_hold_is_not_made(wrong: dict[str, str]) -> None:
    """A short commit, one of zeros, and a repository without owner are refused."""
    with pytest.raises(PayloadError, match="expected"):
        deploy(**wrong)


def test_a_deploy_counts_where_it_says() -> None:
    """Without routes a deploy has the repository, environment and service that it names."""
    assert NO_ROUTES.route(deploy(environment="staging", service="api")) == DeployTarget(
        "larkspur/checkout", "staging", "api"
    )


def test_a_word_counts_only_where_a_route_names_it() -> None:
    """An exact line goes before a glob, case does not matter, and a line may name what the delivery lacks."""
    routes = DeployRoutes.make(
        {
            "deploy-*": DeployRoute(environment="staging"),
            "Deploy-Live": DeployRoute("larkspur/live", "production", "api"),
        }
    )

    assert routes.route(deploy(route="deploy-live", route_required=True)) == DeployTarget(
        "larkspur/live", "production", "api"
    )
    assert routes.route(deploy(route="deploy-eu", route_required=True)) == DeployTarget(
        "larkspur/checkout", "staging"
    )
    refused = routes.route(deploy(route="lint", route_required=True))
    assert refused == Reason(NO_ROUTE, "no route names 'lint'")
    assert routes.route(deploy(route="lint")) == DeployTarget("larkspur/checkout")


def test_a_line_with_service_alone_gives_the_service_and_counts_nothing() -> None:
    """The place comes from another line, or from a delivery that needs none."""
    lines = {"api": DeployRoute(service="api"), "ship-*": DeployRoute(environment="live")}
    routes = DeployRoutes.make({**lines, "ship-api": DeployRoute(service="api")})

    assert routes.route(deploy(route="ship-api", route_required=True)) == DeployTarget(
        "larkspur/checkout", "live", "api"
    )
    refused = routes.route(deploy(route="api", route_required=True))
    assert refused == Reason(NO_ROUTE, "no route with more than a service names 'api'")
    assert routes.route(deploy(route="api", service="web")) == DeployTarget("larkspur/checkout", None, "api")


def test_an_empty_service_takes_away_the_one_of_the_delivery() -> None:
    """As for an application in two regions, each with an annotation of its own."""
    routes = DeployRoutes.make({"pay-*": DeployRoute(service="")})

    assert routes.route(deploy(route="pay-eu", service="pay-eu")) == DeployTarget("larkspur/checkout")


def test_a_line_gives_the_service_by_any_word_of_a_deploy() -> None:
    """The most exact word goes first, whatever the order of lines is; no other part of the line is taken."""
    by = ("deploy api", ".github/workflows/api.yml", "production")
    lines = {
        "*": DeployRoute(environment="elsewhere"),
        "production": DeployRoute(service="all"),
        ".github/workflows/*": DeployRoute(environment="elsewhere", service="api"),
    }
    routes = DeployRoutes.make(lines)

    assert routes.route(deploy(environment="production", service_by=by)) == DeployTarget(
        "larkspur/checkout", "production", "api"
    )
    assert routes.route(deploy(environment="production", service_by=by[2:])) == DeployTarget(
        "larkspur/checkout", "production", "all"
    )
    counted = routes.route(deploy(route="api.yml", route_required=True, service_by=by[1:2]))
    assert counted == DeployTarget("larkspur/checkout", "elsewhere", "api")


def test_a_line_that_gives_a_service_changes_no_id_of_a_deployment() -> None:
    """So that a line that is added later counts nothing twice. A job that needs a line keeps its id, too."""
    bare, given = DeployTarget("larkspur/checkout"), DeployTarget("larkspur/checkout", None, "api")

    deployment = deploy(deployment="42", service_by=("production",))
    assert event_id(deployment, bare, "k") == event_id(deployment, given, "k")
    job = deploy(deployment="42", route="ship", route_required=True)
    assert event_id(job, bare, "k") != event_id(job, given, "k")
    application = deploy(deployment="42", route="pay-eu", application="pay-eu")
    assert event_id(application, bare, "k") == event_id(application, given, "k")


def test_a_deployment_repository_counts_only_by_a_route() -> None:
    """`repo: same` accepts it; nothing else does."""
    found = NO_ROUTES.route(deploy(gitops=True, route="shop"))
    assert isinstance(found, Reason)
    assert found.code == NO_COMMIT
    accepted = DeployRoutes.make({"shop": DeployRoute(SAME)}).route(deploy(gitops=True, route="shop"))
    assert accepted == DeployTarget("larkspur/checkout")


def test_a_filter_by_environment() -> None:
    """Globs without case; `none` is a deploy without an environment."""
    assert unwanted((), DeployTarget("a/b")) is None
    assert unwanted(("prod*",), DeployTarget("a/b", "Production")) is None
    assert unwanted(("none",), DeployTarget("a/b")) is None
    refused = unwanted(("prod*",), DeployTarget("a/b", "staging"))
    assert refused is not None
    assert refused.code == FILTERED


def test_an_id_is_of_the_vendors_own_words() -> None:
    """A route that renames changes no id; a deployment number goes before the run; an attempt is another."""
    place = DeployTarget("larkspur/checkout", "production")
    one = event_id(deploy(environment="prod", run="7", deployment="42"), place, "k")

    renamed = DeployTarget("larkspur/checkout", "live")
    assert event_id(deploy(environment="prod", run="8", deployment="42"), renamed, "other") == one
    runs = [event_id(deploy(run="7", attempt=attempt), place, "k") for attempt in (None, "1", "2")]
    assert runs[0] == runs[1] != runs[2]
    assert event_id(deploy(), place, "k") != event_id(deploy(), place, "l")


def test_the_event_of_a_deploy() -> None:
    """It names its run in the form of a step, and who reported it."""
    given = deploy(
        run="7", attempt="2", branch="main", trigger="rerun", commit_time=BEGAN, url="https://ci.example/7"
    )

    event = event_of(given, DeployTarget("larkspur/checkout", "production"), "ci", "k")

    assert event.to_wire() == {
        "kind": "deployed",
        "repo": "larkspur/checkout",
        "commitSHA": sha(1),
        "environment": "production",
        "branch": "main",
        "time": "2026-03-04T09:00:00Z",
        "id": event.id,
        "run": "circleci:7",
        "attempt": "2",
        "reporter": "relay/ci",
        "trigger": "rerun",
        "url": "https://ci.example/7",
        "commitTime": "2026-03-04T09:00:00Z",
    }


def test_the_commits_between_two_deploys() -> None:
    """They are walked over several pushes, newest first, without merges; each leads to the one before it."""
    known = {one.sha: one for one in remembered(pushed(2, 3, before=1))}
    known |= {one.sha: one for one in remembered(pushed(4, before=3, message="Merge pull request #1"))}
    undo = f"Revert\n\nThis reverts commit {sha(9)}."
    known |= {one.sha: one for one in remembered(pushed(5, before=4, message=undo))}
    walked = [known[sha(number)] for number in (5, 4, 3, 2)]

    found = brought(walked, (sha(1),))

    assert found is not None
    assert [(one.sha, one.parents) for one in found.commits] == [
        (sha(5), (sha(3),)),
        (sha(3), (sha(2),)),
        (sha(2), (sha(1),)),
    ]
    assert found.reverts == (sha(9),)
    assert brought(walked, (sha(8),)) is None


def test_a_list_leads_to_what_was_there_before_also_behind_a_merge() -> None:
    """The oldest commit names it, so that a receiver knows what is new, without a mirror."""
    merge, work = remembered(pushed(2, before=1, message="Merge branch 'x'")), remembered(pushed(3, before=2))

    found = brought([*work, *merge], (sha(1),))

    assert found is not None
    place = DeployTarget("larkspur/checkout")
    event = event_of(deploy(sha=sha(3)), place, "ci", "k", commits=found.commits)
    assert [(one["sha"], one["parents"]) for one in event.to_wire()["commits"]] == [(sha(3), [sha(1)])]


@pytest.mark.parametrize(("place", "tier"), [("live-eu", "production"), ("test", None), (None, None)])
def test_a_tier_is_that_of_the_environment_of_the_delivery(place: str | None, tier: str | None) -> None:
    """Where a line of route names another environment, the delivery's tier says nothing about it."""
    given = deploy(environment="live-eu", tier="production")
    assert event_of(given, DeployTarget("larkspur/checkout", place), "ci", "k").get("tier") == tier


def test_a_merge_has_what_its_push_lists_and_nothing_else_is_known_of_it() -> None:
    """Its commits have no parents then. A deploy of one of them tells nothing of the others."""
    (there,) = remembered(pushed(9, before=8))
    for message in (
        "Merge pull request #7 from larkspur/x",
        "Merge feature/x",
        "Merge hotfix/y into main\n\nText",
    ):
        listed = pushed(2, 3, 10, before=9).commits
        merged = remembered(
            replace(pushed(2, 3, 10, before=9), commits=(*listed[:2], listed[2]._replace(message=message)))
        )
        walked = [*reversed(merged), there]

        found = brought(straight(walked), (sha(9),))

        assert found is not None
        assert [(one.sha, one.parents) for one in found.commits] == [
            (sha(3), None),
            (sha(2), None),
            (sha(9), None),
        ]
        assert brought(straight(walked), (sha(2), sha(8))) is None
        assert brought(straight(walked), (sha(3),)) is None
        assert straight(walked[1:]) == ()


def test_a_commit_that_is_older_than_the_one_before_it_came_with_a_merge() -> None:
    """No message says so, and which one is the merge is not known. So nothing is known of the push."""
    for pushes in ((pushed(9, before=1), pushed(2, 10, before=9)), (pushed(9, 2, 10, before=1),)):
        walked = [one for each in reversed(pushes) for one in reversed(remembered(each))]
        assert brought(straight(walked), (sha(9), sha(1))) is None
        assert brought(straight(walked), (sha(2),)) is not None


def test_ordinary_words_make_no_merge() -> None:
    """A commit about merging counts as any other."""
    for message in ("Merge duplicate customers", "Merge read/write paths into one", "Merged"):
        found = brought(remembered(pushed(2, before=1, message=message)), (sha(1),))
        assert found is not None
        assert [one.parents for one in found.commits] == [(sha(1),)]


def test_a_gap_is_never_guessed() -> None:
    """A push that rewrote the branch follows nothing; one without its last commit tells nothing."""
    (forced,) = remembered(pushed(2, before=1, forced=True))
    assert forced.parent == ""
    assert remembered(replace(pushed(2, before=1), after=sha(3))) == ()


@pytest.mark.parametrize(("total", "parent"), [(None, sha(1)), (2, sha(1)), (3, "")])
def test_a_list_that_is_shorter_than_its_push_is_a_gap(total: int | None, parent: str) -> None:
    """The listed commits are known; what lies before them is not, so a deploy from there is unknown."""
    listed = remembered(pushed(2, 3, before=1, total=total))
    assert [(one.sha, one.parent) for one in listed] == [(sha(2), parent), (sha(3), sha(2))]
    found = brought(listed[::-1], (sha(1),))
    assert (found is None) == (not parent)
    within = brought(listed[::-1], (sha(2),))
    assert within is not None
    assert [one.sha for one in within.commits] == [sha(3)]
