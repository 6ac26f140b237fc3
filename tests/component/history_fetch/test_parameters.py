"""What the parameters of a reader of deploys choose and refuse, for every source that has them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.protocol import Ignored

from tests.component.history_fetch.test_counted_once import SOURCES
from tests.support.history_fetch.deploys import BEGIN, COUNT, END, Direct, moment, sha

REPO = "larkspur/checkout-api"


@pytest.mark.parametrize(
    ("name", "parameters", "field", "found"),
    [
        ("azure", {"branch": "main"}, "branch", "main"),
        ("buildkite", {"branch": "feature/tools"}, "branch", "feature/tools"),
        ("circleci", {"branch": "main"}, "branch", "main"),
        ("travis", {"branch": "retry"}, "branch", "retry"),
        ("gitlab", {"environment": "staging"}, "environment", "staging"),
        # In any case; events have the spelling of Octopus.
        ("octopus", {"environment": "STAGING"}, "environment", "Staging"),
        # The one repository of a release counts under the name that is given.
        ("octopus", {"repo": "larkspur/mirror"}, "repo", "larkspur/mirror"),
    ],
)
def test_what_is_asked_for_alone_is_read(
    name: str, parameters: dict[str, Any], field: str, found: str
) -> None:
    """With a branch, an environment or a repository, events of others are not read."""
    events = SOURCES[name].events(**parameters)

    assert {one.get(field) for one in events} == {found}
    assert len(events) < len(SOURCES[name].events())


def test_a_branch_without_runs_has_no_events() -> None:
    """Azure lists no run of a branch that has none."""
    assert SOURCES["azure"].read(branch="develop") == []


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("azure", {"stage": ""}, "a run without a single stage; name the one that deploys with stage"),
        ("azure", {"stage": "release"}, "a run without a stage 'release'"),
        ("bitbucket", {"step": "Release"}, "a pipeline without a step 'Release'"),
        ("buildkite", {"job": "deploy"}, "a build without a job 'deploy'"),
        ("jenkins", {"stage": "Release"}, "a build that did not succeed (it has no such stage)"),
        ("travis", {"stage": "Release"}, "a build without a stage 'Release'"),
    ],
)
def test_a_part_that_is_not_clear_gives_a_reason(name: str, parameters: dict[str, Any], reason: str) -> None:
    """Nothing is guessed where no part of a run has the name, so that a misspelled one is seen."""
    assert set(SOURCES[name].read(BEGIN, moment(9), **parameters)) == {Ignored(reason)}


@pytest.mark.parametrize(
    ("name", "since", "parameters"),
    [
        ("circleci", moment(250), {}),
        ("jenkins", END - timedelta(days=9), {}),
        # Though builds still run.
        ("travis", moment(COUNT - 3), {"stage": "Deploy"}),
    ],
)
def test_older_pages_are_not_asked_for(name: str, since: datetime, parameters: dict[str, Any]) -> None:
    """Reading ends with the first page that is older than the window."""
    past = SOURCES[name]
    pages = Direct(past.answer, past.url)
    past.read(since, END, pages, **parameters)

    assert len([path for path in pages.asked if path.endswith(("/pipeline", "/builds", "/api/json"))]) == 2


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("bitbucket", {"repo": "checkout-api"}, "expected a repository"),
        ("circleci", {"repo": f"{REPO} {REPO}"}, "expected one repository"),
        ("circleci", {"reruns": "all"}, "expected reruns=own, got 'all'"),
        ("circleci", {"type": "release"}, "type: expected one of"),
        ("github", {"repo": "checkout-api"}, "expected"),
        ("github", {"repo": f"{REPO} {REPO}"}, "expected"),
        ("github", {"repo": f"{REPO}@{sha(1)}"}, "expected"),
        ("gitlab", {"repo": "checkout-api"}, "expected"),
        ("travis", {"tags": "yes"}, "expected tags=only without a branch"),
        ("travis", {"tags": "only", "branch": "main"}, "expected tags=only without a branch"),
    ],
)
def test_a_wrong_parameter_is_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    """A value that a parameter does not allow is named before any request."""
    with pytest.raises(UsageError, match=message):
        SOURCES[name].read(pages=Direct(lambda path, query: None), **parameters)
