"""The packed orb's step, run in bash and in dash as CircleCI runs it."""

import json
from pathlib import Path

import pytest

from tests.support.circleci_orb import report
from tests.support.servers import answer, free_port, serving
from tests.support.steps import KEY, SHELLS, VERSION, case

each_shell = pytest.mark.parametrize("name", SHELLS)
CASES = ("branch", "tag", "forked_pull_request", "app_pipeline", "empty_pipeline_values", "slug_from_https")


def job(name: str, **more: str) -> dict[str, str]:
    return {**case("circleci", name)["environ"], "GITDAILIES_WEBHOOK_KEY": KEY, **more}


@each_shell
@pytest.mark.parametrize("situation", CASES)
def test_a_deploy_is_reported(name: str, situation: str, tmp_path: Path) -> None:
    """On a branch, a tag, a forked pull request and in an App pipeline the event is that of core's tables."""
    expected = case("circleci", situation)["expected"]
    [event] = expected["events"]
    with serving(answer("202 Accepted", b'{"status": "created"}')) as server:
        ended = report(name, tmp_path, job(situation), {"webhook_url": server.url})

    [request] = server.requests
    assert json.loads(request.body) == event
    assert request.headers["user-agent"] == f"gitdailies-circleci-orb/{VERSION}"
    assert ended.code == 0
    assert ended.log == "".join(
        f"GitDailies: {line}\n"
        for line in (
            *expected.get("notes", ()),
            f"reported: deploy of {event['repo']} at {event['commitSHA'][:7]}"
            + (f" to {event['environment']}" if "environment" in event else ""),
        )
    )


def test_every_parameter_arrives(tmp_path: Path) -> None:
    """Parameters are sent as given, with their variables filled in, for each of several repositories."""
    sha = "b7d3e9f0a1c25846d9e8f7061524334251607f8e"
    parameters = {
        "environment": "${STAGE}-eu",
        "service": "$SERVICE",
        "type": "rollback",
        "repo": f"larkspur/checkout-api larkspur/ledger@{sha}",
        "branch": "release",
        "time": "2026-03-04T08:55:12Z",
        "id": "release-$STAGE",
        "status": "success",
        "url": "https://deploys.example/77",
        "fixes": "Q2W3",
        "receiver": "ours",
        "timeout": 5,
        "retries": 0,
        "webhook_key": "OTHER_KEY",
    }
    environ = job("branch", STAGE="production", SERVICE="api", OTHER_KEY="another")
    with serving() as server:
        ended = report("dash", tmp_path, environ, {**parameters, "webhook_url": server.url})

    assert (ended.code, len(server.requests)) == (0, 2), ended.log
    first, second = (json.loads(request.body) for request in server.requests)
    assert {request.headers["webhook-key"] for request in server.requests} == {"another"}
    assert [event["repo"] for event in (first, second)] == ["larkspur/checkout-api", "larkspur/ledger"]
    assert second["commitSHA"] == sha
    assert first["id"] != second["id"]
    as_given = {name: parameters[name] for name in ("type", "branch", "time", "url", "fixes")}
    filled_in = {"environment": "production-eu", "service": "api"}
    for event in (first, second):
        assert event.items() >= {**as_given, **filled_in}.items()


@pytest.mark.parametrize("text", ["$UNSET", "${UNSET}", "eu-$UNSET"])
def test_a_variable_that_is_not_set(text: str, tmp_path: Path) -> None:
    """A parameter with a variable that is not set is refused whole, and nothing is sent."""
    with serving() as server:
        ended = report("bash", tmp_path, job("branch"), {"webhook_url": server.url, "environment": text})

    assert server.requests == []
    assert ended.code == 0
    reference = text.removeprefix("eu-")
    assert ended.log == (
        f"GitDailies: WARNING: deploy not reported: environment: expected a value, got '{reference}', "
        "which nothing filled in\n"
    )


@each_shell
@pytest.mark.parametrize(("strict", "code", "word"), [(False, 0, "WARNING"), (True, 1, "ERROR")])
def test_no_python(name: str, strict: bool, code: int, word: str, tmp_path: Path) -> None:
    """Without Python on the PATH the step warns and the job passes, unless `fail_on_error` is set."""
    (tmp_path / "empty").mkdir()
    ended = report(name, tmp_path, job("branch"), {"fail_on_error": strict}, path=str(tmp_path / "empty"))

    assert ended.code == code
    assert ended.log == (
        f"GitDailies: {word}: deploy not reported: "
        "Python 3.9 or later was not found as python3, python or py -3\n"
    )


@each_shell
def test_no_key(name: str, tmp_path: Path) -> None:
    """A forked pull request, which has no key, gets one line that says where the key belongs."""
    environ = job("forked_pull_request")
    del environ["GITDAILIES_WEBHOOK_KEY"]
    ended = report(name, tmp_path, environ, {"webhook_url": f"http://127.0.0.1:{free_port()}/webhooks"})

    assert ended.code == 0
    assert ended.log.startswith(
        "GitDailies: WARNING: deploy not reported: webhook_key: expected a webhook key, got nothing; "
    )
    assert ended.log.count("\n") == 1
