"""Bitbucket's past, read from a server that listens, against what the line would have reported.

Shapes are those of Bitbucket Cloud's Pipelines API; every value is invented.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from gitdailies_core.ci.platforms.bitbucket import BITBUCKET
from gitdailies_core.events.events import Event

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Direct, Past, by_id, later, moment, reported, sha

REPO = "larkspur/checkout-api"
PATH = f"/repositories/{REPO}/pipelines"
GIVEN = {"repo": REPO, "step": "Deploy", "environment": "production", "service": "api"}


def uuid(number: int) -> str:
    return f"{{{number + 1_000:08d}-74148dd5be8e}}"


def pipeline(number: int) -> dict[str, Any]:
    """Some are of tags, of pull requests or of a commit alone."""
    target: dict[str, Any] = {"type": "pipeline_ref_target", "ref_type": "branch", "ref_name": "main"}
    if number % 10 == 7:
        target |= {"ref_type": "tag", "ref_name": "v1.4.2"}
    elif number % 20 == 9:
        target = {"type": "pipeline_pullrequest_target", "source": "feature/x", "pullrequest": {"id": 7}}
    elif number % 20 == 3:
        target = {"type": "pipeline_commit_target"}
    return {
        "uuid": uuid(number),
        "build_number": number + 1_000,
        "target": {**target, "commit": {"type": "commit", "hash": sha(number)}},
        "state": {"name": "COMPLETED", "result": {"name": "SUCCESSFUL"}},
        "created_on": later(moment(number), microseconds=520_377),
    }


def steps(number: int) -> list[dict[str, Any]]:
    """Some failed, wait, or were deployed again. Some pipelines deploy nothing."""
    state: dict[str, Any] = {"name": "COMPLETED", "result": {"name": "SUCCESSFUL"}}
    if number % 13 == 5:
        state["result"] = {"name": "FAILED"}
    elif number % 17 == 11:
        state = {"name": "PENDING"}
    deploy = {
        "name": "Deploy" if number % 19 else "Publish",
        "state": state,
        "run_number": 2 if number % 10 == 4 else 1,
        **({"completed_on": later(moment(number), minutes=9)} if "result" in state else {}),
    }
    return [{**deploy, "name": "Test", "run_number": 1}, deploy]


NUMBERS = {quote(uuid(number), safe=""): number for number in range(-250, COUNT + 4)}


def answer(path: str, query: dict[str, str]) -> Any:
    if path == PATH:
        assert query["sort"] == "-created_on"
        rows = [pipeline(number) for number in sorted(NUMBERS.values(), reverse=True)]
    else:
        number = NUMBERS.get(path.removeprefix(f"{PATH}/").removesuffix("/steps"))
        if number is None:
            return None
        rows = steps(number)
    size, page = int(query["pagelen"]), int(query["page"])
    return {"pagelen": size, "page": page, "values": rows[(page - 1) * size : page * size]}


def live(number: int) -> list[dict[str, Any]]:
    """What the line reported in a step, in a shallow checkout."""
    row, step = pipeline(number), steps(number)[1]
    target = row["target"]
    environ = {
        "BITBUCKET_BUILD_NUMBER": str(row["build_number"]),
        "BITBUCKET_STEP_RUN_NUMBER": str(step["run_number"]),
        "BITBUCKET_REPO_FULL_NAME": REPO,
        "BITBUCKET_COMMIT": target["commit"]["hash"],
        "BITBUCKET_DEPLOYMENT_ENVIRONMENT": "production",
    }
    if target.get("ref_type") == "tag":
        environ["BITBUCKET_TAG"] = target["ref_name"]
    elif "pullrequest" in target:
        environ |= {"BITBUCKET_BRANCH": target["source"], "BITBUCKET_PR_ID": "7"}
    elif "ref_name" in target:
        environ["BITBUCKET_BRANCH"] = target["ref_name"]
    return reported(BITBUCKET, environ, service="api", time=step["completed_on"])


PAST = Past("bitbucket", answer, "ATCTT-larkspur-000042", GIVEN, url="https://api.bitbucket.org/2.0")


def test_steps_are_what_the_line_would_have_reported(tmp_path: Path) -> None:
    """Each step of a year that deployed is the line's event, through a 429 and cut pages."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 90: CUT})

    done = [
        number
        for number in range(COUNT)
        if steps(number)[1]["name"] == "Deploy"
        and steps(number)[1]["state"].get("result") == {"name": "SUCCESSFUL"}
    ]
    expected = [event for number in done for event in live(number)]
    assert len(expected) > 200
    assert fetched.events == by_id(expected)
    assert {event["attempt"] for event in expected if "attempt" in event} == {"2"}
    for reason in ("(failed)", "(pending)", "a pipeline without a step 'Deploy'"):
        assert reason in fetched.printed


def test_a_branch_spares_the_steps_of_others() -> None:
    """With a branch, the steps of pipelines of other branches and of tags are not requested."""
    pages = Direct(answer)
    found = PAST.read(pages=pages, branch="v1.4.2")

    assert {one.get("branch") for one in found if isinstance(one, Event)} == {None}
    asked = [path for path in pages.asked if path.endswith("/steps")]
    assert asked == [f"{PATH}/{quote(uuid(number), safe='')}/steps" for number in range(257, -1, -10)]


def test_another_step_is_another_deploy() -> None:
    """The name of the step decides."""
    assert PAST.read(step="Test") != PAST.read()
