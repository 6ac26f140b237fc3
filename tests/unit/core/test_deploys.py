"""Deploys: where one counts, which event it becomes, and which commits pushes say that it brought."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gitdailies_core.deploys.deploy import event_id, event_of
from gitdailies_core.deploys.pushes import brought, remembered
from gitdailies_core.deploys.routing import SAME, DeployRoute, DeployRoutes, Place, unwanted
from gitdailies_core.errors import PayloadError
from gitdailies_core.reasons import FILTERED, NO_COMMIT, NO_ROUTE, Reason
from gitdailies_core.sources.deploy_messages import Deploy, Push

AT = datetime(2026, 3, 4, 9, tzinfo=UTC)
NO_ROUTES = DeployRoutes.make({})


def sha(number: int) -> str:
    return f"{number:040x}"


def deploy(**changes: Any) -> Deploy:
    given = {"word": "success", "repo": "larkspur/checkout", "sha": sha(1), "at": AT, "platform": "circleci"}
    return Deploy.make(**{**given, **changes})


def push(*numbers: int, before: int = 0, message: str = "work", **changes: Any) -> Push:
    commits = [(sha(number), AT + timedelta(minutes=number), message) for number in numbers]
    after = sha(numbers[-1])
    return Push.make(
        word="push",
        repo="larkspur/checkout",
        branch="main",
        before=sha(before),
        after=after,
        commits=commits,
        **changes,
    )


@pytest.mark.parametrize("wrong", [{"sha": "abc1234"}, {"sha": "0" * 40}, {"repo": "checkout"}, {"repo": ""}])
def test_a_deploy_that_no_event_can_hold_is_not_made(wrong: dict[str, str]) -> None:
    """A short commit, one of zeros, and a repository without owner are refused."""
    with pytest.raises(PayloadError, match="expected"):
        deploy(**wrong)


def test_a_deploy_counts_where_it_says() -> None:
    """Without routes a deploy has the repository, environment and service that it names."""
    assert NO_ROUTES.route(deploy(environment="staging", service="api")) == Place(
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

    assert routes.route(deploy(route="deploy-live", route_required=True)) == Place(
        "larkspur/live", "production", "api"
    )
    assert routes.route(deploy(route="deploy-eu", route_required=True)) == Place(
        "larkspur/checkout", "staging"
    )
    refused = routes.route(deploy(route="lint", route_required=True))
    assert refused == Reason(NO_ROUTE, "no route names 'lint'")
    assert routes.route(deploy(route="lint")) == Place("larkspur/checkout")


def test_a_deployment_repository_counts_only_by_a_route() -> None:
    """`repo: same` accepts it; nothing else does."""
    found = NO_ROUTES.route(deploy(gitops=True, route="shop"))
    assert isinstance(found, Reason)
    assert found.code == NO_COMMIT
    accepted = DeployRoutes.make({"shop": DeployRoute(SAME)}).route(deploy(gitops=True, route="shop"))
    assert accepted == Place("larkspur/checkout")


def test_a_filter_by_environment() -> None:
    """Globs without case; `none` is a deploy without an environment."""
    assert unwanted((), Place("a/b")) is None
    assert unwanted(("prod*",), Place("a/b", "Production")) is None
    assert unwanted(("none",), Place("a/b")) is None
    refused = unwanted(("prod*",), Place("a/b", "staging"))
    assert refused is not None
    assert refused.code == FILTERED


def test_an_id_is_of_the_vendors_own_words() -> None:
    """A route that renames changes no id; a deployment number goes before the run; an attempt is another."""
    place = Place("larkspur/checkout", "production")
    one = event_id(deploy(environment="prod", run="7", deployment="42"), place, "k")

    renamed = Place("larkspur/checkout", "live")
    assert event_id(deploy(environment="prod", run="8", deployment="42"), renamed, "other") == one
    runs = [event_id(deploy(run="7", attempt=attempt), place, "k") for attempt in (None, "1", "2")]
    assert runs[0] == runs[1] != runs[2]
    assert event_id(deploy(), place, "k") != event_id(deploy(), place, "l")


def test_the_event_of_a_deploy() -> None:
    """It names its run in the form of a step, and who reported it."""
    given = deploy(run="7", attempt="2", branch="main", commit_time=AT, url="https://ci.example/7")

    event = event_of(given, Place("larkspur/checkout", "production"), "ci", "k")

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
        "url": "https://ci.example/7",
        "commitTime": "2026-03-04T09:00:00Z",
    }


def test_the_commits_between_two_deploys() -> None:
    """They are walked over several pushes, newest first, without merges; reverts are read."""
    known = {one.sha: one for one in remembered(push(2, 3, before=1))}
    known |= {one.sha: one for one in remembered(push(4, before=3, message="Merge pull request #1"))}
    undo = f"Revert\n\nThis reverts commit {sha(9)}."
    known |= {one.sha: one for one in remembered(push(5, before=4, message=undo))}
    walked = [known[sha(number)] for number in (5, 4, 3, 2)]

    found = brought(walked, (sha(1),))

    assert found is not None
    assert [one.sha for one in found.commits] == [sha(5), sha(3), sha(2)]
    assert found.reverts == (sha(9),)
    assert brought(walked, (sha(8),)) is None


def test_a_gap_is_never_guessed() -> None:
    """A push that rewrote the branch follows nothing; one without its last commit tells nothing."""
    (forced,) = remembered(push(2, before=1, forced=True))
    assert forced.parent == ""
    assert remembered(push(2, before=1)._replace(after=sha(3))) == ()


@pytest.mark.parametrize(("total", "parent"), [(None, sha(1)), (2, sha(1)), (3, "")])
def test_a_list_that_is_shorter_than_its_push_is_a_gap(total: int | None, parent: str) -> None:
    """The listed commits are known; what lies before them is not, so a deploy from there is unknown."""
    listed = remembered(push(2, 3, before=1, total=total))
    assert [(one.sha, one.parent) for one in listed] == [(sha(2), parent), (sha(3), sha(2))]
    found = brought(listed[::-1], (sha(1),))
    assert (found is None) == (not parent)
    within = brought(listed[::-1], (sha(2),))
    assert within is not None
    assert [one.sha for one in within.commits] == [sha(3)]
