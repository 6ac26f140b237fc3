"""The bodies of the Python and of the Bash template, run as Octopus' agent runs them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.octopus_agent import deploy
from tests.support.servers import answer, free_port, serving
from tests.support.steps import CASES, KEY, case

each = pytest.mark.parametrize("syntax", ["Python", "Bash"])
NAMES = sorted(file.stem for file in (CASES / "octopus").glob("*.json"))
TAKEN = answer("202 Accepted", b'{"status": "created"}')


def settings(url: str, **more: str) -> dict[str, str]:
    return {"GitDailies.WebhookUrl": url, "GitDailies.WebhookKey": KEY, **more}


def parameters(given: dict[str, Any]) -> dict[str, str]:
    """Write the inputs of a case as the template's parameters."""
    named = {**given, "repo": "\n".join(given.get("repos", ()))}
    named.pop("repos", None)
    return {f"GitDailies.{name.title()}": value for name, value in named.items() if value}


@pytest.mark.matrix
@each
@pytest.mark.parametrize("name", NAMES)
def test_every_case(syntax: str, name: str, tmp_path: Path) -> None:
    """Each case of core's Octopus table comes to the same events, the same skip or the same error."""
    read = case("octopus", name)
    expected = read["expected"]
    with serving(TAKEN) as server:
        given = settings(server.url, **parameters(read.get("inputs", {})))
        ended = deploy(syntax, tmp_path / "work", read["environ"], given)

    # The template always sets a type. For the id and the figures it equals none.
    events = [{**event, "type": event.get("type", "deploy")} for event in expected.get("events", ())]
    assert [json.loads(request.body) for request in server.requests] == events
    assert ended.code == 0
    if "error" in expected:
        where, _, rest = expected["error"].partition(": ")
        assert f"deploy not reported: GitDailies.{where.title()}: {rest}\n" in ended.log
        assert ended.log.startswith("##octopus[stdout-warning]\n")
        assert ended.log.endswith("##octopus[stdout-default]\n")
    elif "skipped" in expected:
        assert ended.log == f"nothing reported: {expected['skipped']}\n"
    else:
        assert ended.log.count("reported: deploy of") == len(events)
        assert "warning" not in ended.log


@each
def test_an_old_agent(syntax: str, tmp_path: Path) -> None:
    """A missing variable counts as not given, however an older agent treats it."""
    variables = case("octopus", "build_information")["environ"]
    del variables["Octopus.Deployment.Error"]
    with serving(TAKEN) as server:
        ended = deploy(syntax, tmp_path / "work", variables, settings(server.url), old=True)

    assert (ended.code, len(server.requests)) == (0, 1), ended.log


@each
@pytest.mark.parametrize("strict", ["False", "True"])
@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (answer("401 Unauthorized", b"##octopus[setVariable name='x']"), 3, "the key is refused"),
        (answer("503 Service Unavailable", b"down"), 1, "answered 503"),
    ],
)
def test_what_the_deployment_learns(
    syntax: str, strict: str, reply: bytes, code: int, message: str, tmp_path: Path
) -> None:
    """A failed report is a warning, or fails a strict step. The answer's text is never run as a command."""
    with serving(reply) as server:
        given = settings(server.url, **{"GitDailies.Retries": "0", "GitDailies.FailOnError": strict})
        ended = deploy(syntax, tmp_path / "work", case("octopus", "build_information")["environ"], given)

    assert ended.code == (code if strict == "True" else 0)
    lines = ended.log.splitlines()
    level = "error" if strict == "True" else "warning"
    assert (lines[0], lines[-1]) == (f"##octopus[stdout-{level}]", "##octopus[stdout-default]")
    assert message in ended.log
    assert ended.log.count("##octopus[") == 2
    assert KEY not in ended.log


@each
def test_no_key(syntax: str, tmp_path: Path) -> None:
    """Without a key the log says which parameter is missing."""
    given = {"GitDailies.WebhookUrl": f"http://127.0.0.1:{free_port()}/webhooks"}
    ended = deploy(syntax, tmp_path / "work", case("octopus", "build_information")["environ"], given)

    assert ended.code == 0
    missing = "GitDailies.WebhookKey: expected a webhook key, got nothing"
    assert f"{missing}; set the template's parameter" in ended.log


def test_large_build_information(tmp_path: Path) -> None:
    """Build information beyond what an environment variable holds reaches the step of the Bash body."""
    read = case("octopus", "build_information")
    changes = json.loads(read["environ"]["Octopus.Deployment.Changes"])
    changes[0]["ReleaseNotes"] = "a note " * 40_000
    variables = {**read["environ"], "Octopus.Deployment.Changes": json.dumps(changes)}
    ended = deploy("Bash", tmp_path / "work", variables, {"GitDailies.DryRun": "True"})

    assert json.loads(ended.log.splitlines()[-1])["commitSHA"] == read["expected"]["events"][0]["commitSHA"]


@pytest.mark.parametrize(("strict", "level", "code"), [("False", "warning", 0), ("True", "error", 1)])
def test_bash_without_python(strict: str, level: str, code: int, tmp_path: Path) -> None:
    """Without Python on the PATH the Bash body warns, or fails if `FailOnError` is set."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "cat").symlink_to("/bin/cat")
    ended = deploy("Bash", tmp_path / "work", {}, {"GitDailies.FailOnError": strict}, path=str(programs))

    assert ended.code == code
    assert ended.log == (
        f"##octopus[stdout-{level}]\ndeploy not reported: Python 3.9 or later was not found as python3 or "
        "python\n##octopus[stdout-default]\n"
    )
