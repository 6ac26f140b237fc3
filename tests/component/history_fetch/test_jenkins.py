"""Jenkins' past, read from a server that listens, against what the line would have reported.

Shapes are those of a server's own API; every value is invented.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms.jenkins import JENKINS
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Direct, Past, by_id, later, moment, reported, sha

URL = "git@github.com:larkspur/checkout-api.git"
LIBRARY = "https://github.com/larkspur/pipeline-library.git"
PATH = "/job/larkspur/job/checkout-api/job/main"
GIVEN = {
    "job": "larkspur/checkout-api/main",
    "repo": "larkspur/checkout-api",
    "environment": "production",
    "service": "api",
}
MINUTE = 60_000


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def checkout(url: str, commit: str, branch: str) -> dict[str, Any]:
    return {"lastBuiltRevision": {"SHA1": commit, "branch": [{"name": branch}]}, "remoteUrls": [url]}


def build(number: int) -> dict[str, Any]:
    """Some fail or still run, and some use a shared library."""
    result = "FAILURE" if number % 13 == 5 else "UNSTABLE" if number % 17 == 11 else "SUCCESS"
    branch = "refs/remotes/origin/main" if number % 3 else "main"
    library = [checkout(LIBRARY, f"{7:040x}", "v3")] if number % 4 == 1 else []
    return {
        "number": number + 1_000,
        "url": f"https://ci.example.com{PATH}/{number + 1_000}/",
        "timestamp": ms(moment(number)),
        "duration": 0 if number == COUNT - 1 else 12 * MINUTE,
        "result": None if number == COUNT - 1 else result,
        "actions": [{"_class": "hudson.model.CauseAction"}, *library, checkout(URL, sha(number), branch), {}],
    }


def stages(number: int) -> list[dict[str, Any]]:
    begin = ms(moment(number))
    return [
        {
            "name": name,
            "status": "SUCCESS" if number % 13 != 5 or name == "Deploy" else "FAILED",
            "startTimeMillis": begin + at * 4 * MINUTE,
            "durationMillis": 3 * MINUTE,
        }
        for at, name in enumerate(("Build", "Deploy", "Smoke"))
    ]


def answer(path: str, query: dict[str, str]) -> Any:
    described = re.fullmatch(rf"{PATH}/([0-9]+)/wfapi/describe", path)
    if described:
        return {"id": described[1], "stages": stages(int(described[1]) - 1_000)}
    if path != f"{PATH}/api/json":
        return None
    [(begin, end)] = re.findall(r"\{([0-9]+),([0-9]+)\}$", query["tree"])
    assert "parameters" not in query["tree"]
    rows = [build(number) for number in range(COUNT + 3, -250, -1)]
    return {"fullName": "larkspur/checkout-api/main", "allBuilds": rows[int(begin) : int(end)]}


def live(number: int, at: str) -> list[dict[str, Any]]:
    """What the line reported in a build, in a shallow checkout."""
    row = build(number)
    environ = {
        "JENKINS_URL": "https://ci.example.com/",
        "BUILD_TAG": f"jenkins-larkspur-checkout-api-main-{row['number']}",
        "BUILD_URL": row["url"],
        "GIT_URL": URL,
        "GIT_COMMIT": sha(number),
        "GIT_BRANCH": "origin/main",
    }
    return reported(JENKINS, environ, environment="production", service="api", time=at)


PAST = Past("jenkins", answer, "mira:11larkspur000042", GIVEN)


def test_builds_are_what_the_line_would_have_reported(tmp_path: Path) -> None:
    """Each build of a year that succeeded is the line's event, through a 429 and a cut page."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT})

    done = [number for number in range(COUNT) if build(number)["result"] == "SUCCESS"]
    expected = [event for number in done for event in live(number, later(moment(number), minutes=12))]
    assert len(expected) > 200
    assert fetched.events == by_id(expected)
    for word in ("FAILURE", "UNSTABLE", "it has not ended"):
        assert f"a build that did not succeed ({word})" in fetched.printed


def test_a_stage_counts_at_its_end(tmp_path: Path) -> None:
    """With a stage, a build counts where that stage succeeded, at its end, whatever came after it."""
    expected = [event for number in range(COUNT) for event in live(number, later(moment(number), minutes=7))]

    assert PAST.fetch(tmp_path, stage="Deploy").events == by_id(expected)


def read(row: dict[str, Any]) -> Any:
    def one(path: str, query: dict[str, str]) -> Any:
        rows = [row] if "{0," in query["tree"] else []
        return {"fullName": "checkout/feature%2Ftools", "allBuilds": rows}

    pages = Direct(one)
    [found] = PAST.read(pages=pages, job="checkout/feature%2Ftools", repo="", environment="", service="")
    return found


SEVERAL = "a build with several checkouts; name the deployed repository with repo"


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ([{}], "a build with no checkout of git"),
        ([checkout(LIBRARY, sha(7), "v3"), checkout(URL, sha(1), "main")], SEVERAL),
        ([checkout(URL, sha(2), "main"), checkout(URL, sha(1), "main")], SEVERAL),
    ],
)
def test_a_build_whose_commit_is_not_clear_is_left_out(actions: list[Any], reason: str) -> None:
    """No commit is guessed: a build without one checkout gives the reason."""
    assert read({**build(1), "actions": actions}) == Ignored(reason)


def test_the_name_of_the_job_is_in_the_run() -> None:
    """A branch with a slash is in the address twice encoded, and in the run as in BUILD_TAG."""
    event = read({**build(2), "actions": [checkout(URL, sha(2), "feature/tools")]})

    assert isinstance(event, Event)
    assert event.get("run") == "jenkins:jenkins-checkout-feature%2Ftools-1002"
    assert event.get("branch") == "feature/tools"


def test_a_build_of_a_pull_request_is_a_preview() -> None:
    """The job of a pull request deploys to no environment of users, as in the step, and names no branch."""
    event = read({**build(2), "actions": [checkout(URL, sha(2), "PR-7")]})

    assert isinstance(event, Event)
    assert (event.get("environment"), event.get("branch")) == ("preview", None)
