"""What a step says about its deploys: what was sent, what was not, and how each platform shows a warning."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_core.ci import step
from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.ci.reporting.report import REPORTED, Report

from tests.support.programs import ran
from tests.support.servers import answer, free_port, serving
from tests.support.shell_scripts import repository
from tests.support.steps import KEY, ROOT, case

WARNED = Report(REPORTED, ("reported: deploy",), notes=("a note",), warnings=("webhook-url: use https",))


def run(folder: Path, inputs: dict[str, str], **more: str) -> Report:
    """Run the step of GitLab in a job of a branch, with *more* variables."""
    environ = environ_of(**more)
    return step.run(BY_MODULE["gitlab"], inputs, environ=environ, directory=str(folder), agent="test")


def dry_run(folder: Path, **inputs: str) -> Report:
    report = run(folder, {"dry-run": "true", **inputs})
    assert report.ok, report.lines
    return report


def environ_of(**more: str) -> dict[str, str]:
    environ: dict[str, str] = {**case("gitlab", "branch")["environ"], **more}
    return environ


def test_the_log_says_what_a_documented_receiver_gets(tmp_path: Path) -> None:
    """The log describes what is sent, and names the inputs that a documented receiver does not get."""
    given = {"service": "api", "type": "rollback", "fixes": "INC-1", "url": "https://ci.example/7"}
    report = dry_run(tmp_path, receiver="documented", **given)

    assert report.lines == (
        "dry run, not sent: deploy of larkspur/shop/checkout-api at 4f0c2d6 to production/eu",
    )
    assert report.notes[-1] == (
        "not sent: service, type, fixes, url, because the receiver takes the documented fields alone"
    )


def test_the_log_says_what_ours_gets(tmp_path: Path) -> None:
    """A receiver of ours gets everything, and nothing is said to be left out."""
    report = dry_run(tmp_path, receiver="ours", service="api", type="rollback")

    assert report.lines[0].startswith("dry run, not sent: rollback of larkspur/shop/checkout-api (api) at ")
    assert report.notes == ()


@pytest.mark.parametrize("type_", ["", "deploy"])
def test_nothing_is_lost_of_the_usual_deploy(tmp_path: Path, type_: str) -> None:
    """A deploy of the usual type, with what the platform knows, loses nothing worth a line."""
    assert dry_run(tmp_path, receiver="documented", type=type_).notes == ()


@pytest.mark.parametrize("module", BY_MODULE)
def test_a_warning_is_seen(module: str) -> None:
    """On each platform a warning beside a good end is marked as one, and the report stays good."""
    lines = BY_MODULE[module].log(WARNED, False)
    [at] = [number for number, line in enumerate(lines) if "webhook-url: use https" in line]
    marks = " ".join(lines[max(0, at - 2) : at + 1]).lower()

    assert "warning" in marks
    assert "warning" not in lines[-1].lower() or module == "octopus"
    assert WARNED.ok


def test_a_lost_deploy_is_sent_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line about a lost deploy ends with the command that makes the same event, and has no key."""
    inputs = {
        "webhook-url": f"http://127.0.0.1:{free_port()}/webhooks",
        "webhook-key": KEY,
        "receiver": "ours",
        "retries": "0",
        "service": "the customer's cart",
        "type": "hotfix",
        "fixes": "INC-1",
        "time": "2026-03-04T09:00:00Z",
        "paths": "services/cart/**\n!**/*.md",
    }
    report = run(tmp_path, inputs)
    [line] = report.lines
    words = shlex.split(line.partition(". To send it later: gitdailies ")[2])
    monkeypatch.chdir(tmp_path)
    done = CliRunner(env=dict.fromkeys(os.environ)).invoke(gitdailies, [*words, "--dry-run"])

    event = json.loads(done.stdout)["event"]
    assert event == json.loads(report.payload)
    assert words[-4:] == ["--paths", "services/cart/**", "--paths", "!**/*.md"]
    assert KEY not in line
    assert "To send it later" not in report.reason


def test_a_lost_deploy_with_commits_is_sent_later_from_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says that a clone tells the commits, and typed in one it makes the same event with them."""
    sha = repository(tmp_path, "https://git.example.com/larkspur/shop/checkout-api.git")
    address = f"http://127.0.0.1:{free_port()}/webhooks"
    inputs = {"webhook-url": address, "webhook-key": KEY, "receiver": "ours", "retries": "0"}
    report = run(tmp_path, inputs, CI_COMMIT_SHA=sha)
    [line] = report.lines
    said, _, words = line.partition(": gitdailies ")
    monkeypatch.chdir(tmp_path)
    done = CliRunner(env=dict.fromkeys(os.environ)).invoke(gitdailies, [*shlex.split(words), "--dry-run"])

    assert said.endswith(". To send it later, in a clone of larkspur/shop/checkout-api for its commits")
    event, sent = json.loads(done.stdout)["event"], json.loads(report.payload)
    assert len(event["commits"]) == 2
    assert event["commits"] == sent["commits"]


def test_what_is_refused_for_itself_has_no_line(tmp_path: Path) -> None:
    """An event that the receiver would refuse again gets no command."""
    with serving(answer("422 Unprocessable", b"{}")) as server:
        report = run(tmp_path, {"webhook-url": server.url, "webhook-key": KEY})

    assert "To send it later" not in report.lines[0]


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("GITDAILIES_ENVIROMENT", "GITDAILIES_ENVIRONMENT"),
        ("GITDAILIES_ENV", "GITDAILIES_ENVIRONMENT"),
        ("GITDAILIES_DRYRUN", "GITDAILIES_DRY_RUN"),
        ("GITDAILIES_COMMIT", "GITDAILIES_SHA"),
        ("gitdailies_service", "GITDAILIES_SERVICE"),
        ("GITDAILIES_FAIL_ON_EROR", "GITDAILIES_FAIL_ON_ERROR"),
    ],
)
def test_a_typing_error(given: str, right: str, tmp_path: Path) -> None:
    """A variable whose name is close to that of an input is an error, which names the right one."""
    done = joined(tmp_path, {**environ_of(), given: "true", "GITDAILIES_FAIL_ON_ERROR": "true"})

    said = f"{given}: this variable does not exist; did you mean {right}?"
    assert (done.returncode, done.stdout) == (2, f"GitDailies: ERROR: deploy not reported: {said}\n")


@pytest.mark.parametrize(
    "name",
    [
        *("GITDAILIES_WEBHOOK_KEY_2", "GITDAILIES_READ_KEY", "GITDAILIES_DATA", "GITDAILIES_JOB_STATUS"),
        *("GITDAILIES_WARNING_EXIT", "GITDAILIES_LIBRARY", "INPUT_REF", "PARAM_ENV", "GITDAILIES_ENVIROMENT"),
    ],
)
def test_no_typing_error(name: str, tmp_path: Path) -> None:
    """Names far from every input, other keys, other people's names, and no value change nothing."""
    text = " " if name == "GITDAILIES_ENVIROMENT" else "success"
    done = joined(tmp_path, {**environ_of(), name: text, "GITDAILIES_DRY_RUN": "true"})

    assert "dry run, not sent: deploy of larkspur/shop/checkout-api at 4f0c2d6" in done.stdout


def joined(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the committed step."""
    command = [sys.executable, "-I", "-S", str(ROOT / "ci-steps/report_deploy.py")]
    return ran(command, folder, {"PATH": os.environ["PATH"], **environ})


def test_where_each_value_comes_from(tmp_path: Path) -> None:
    """`debug` names the variable, the payload's path or the command behind each value."""
    sha = repository(tmp_path / "shop", "https://github.com/larkspur/checkout-api.git")
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"after": sha, "ref": "refs/heads/main", "forced": False}))
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_REPOSITORY": "larkspur/checkout-api",
        "GITHUB_SHA": sha,
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_RUN_ID": "41",
        "GITDAILIES_SERVICE": "cart",
        "GITDAILIES_DRY_RUN": "true",
        "GITDAILIES_DEBUG": "true",
    }
    lines = [line for line in joined(tmp_path / "shop", environ).stdout.splitlines() if "debug: " in line]

    assert [line.partition("debug: ")[2] for line in lines] == [
        "repository: larkspur/checkout-api, from GITHUB_REPOSITORY",
        f"commit: {sha}, from GITHUB_SHA",
        "branch: main, from GITHUB_REF",
        "environment: none",
        "service: cart, from service",
        "run: github-actions:41, from GITHUB_RUN_ID",
        f"commits: 2, from git log {sha[:7]}",
    ]
    by_hand = {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_SHA": "c3" * 20}
    moved = {**environ, **by_hand, "GITHUB_REF": "refs/tags/v1"}
    payload.write_text('{"inputs": {"version": "v1"}}')
    log = joined(tmp_path / "shop", moved).stdout
    assert f"debug: commit: {sha}, from git rev-parse HEAD" in log
    assert "debug: branch: main, from git rev-parse --symbolic-full-name HEAD" in log


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Bytes of a variable that are not UTF-8 are said to be that."""
    named = b"caf\xe9".decode("utf-8", "surrogateescape")
    report = run(tmp_path, {"environment": named, "dry-run": "true"})

    assert report.reason == "environment: expected text on one line, got characters that are not UTF-8"


def test_a_runner_without_a_summary(tmp_path: Path) -> None:
    """A runner that takes no summary is no warning in each run."""
    environ = {**case("github_actions", "push")["environ"], "GITDAILIES_DRY_RUN": "true"}
    done = joined(tmp_path, {**environ, "GITHUB_OUTPUT": str(tmp_path / "output")})

    assert "GitDailies: GITHUB_STEP_SUMMARY: no file to write to, so there is no summary\n" in done.stdout
    assert "::warning" not in done.stdout
