"""The shipped files: action.yml against its schema, its step and its README; the launcher in a shell."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.ci.reporting.report import SKIPPED, Report

from tests.support.github_action.acting import ROOM
from tests.support.programs import planted, program, ran
from tests.support.servers import answer, serving
from tests.support.steps import KEY, case, fits_schema, published, tool

ACTION: dict[str, Any] = yaml.safe_load((ROOM / "action.yml").read_text("utf-8"))
STEP: dict[str, Any] = ACTION["runs"]["steps"][0]
# That of the published Action.
LAUNCHER = published("github_actions") / "launch.sh"
# The runner's own; it reaches the step under another name.
OF_THE_JOB = {"job-status"}


def test_schema() -> None:
    """action.yml is valid by GitHub's schema for actions."""
    fits_schema("vendor.github-actions", ROOM / "action.yml")


def test_zizmor() -> None:
    """zizmor finds nothing in the Action."""
    tool("zizmor", "--offline", "--no-config", "--pedantic", str(ROOM / "action.yml"))


def test_shellcheck(tmp_path: Path) -> None:
    """shellcheck finds nothing in the line that runs the launcher."""
    (tmp_path / "launcher.sh").write_text(f"#!/bin/sh\n{STEP['run']}")
    tool("shellcheck", str(tmp_path / "launcher.sh"))


def test_declared_inputs_are_used_inputs() -> None:
    """action.yml declares and passes on, and the step reads, the same names."""
    declared = set(ACTION["inputs"]) - OF_THE_JOB
    passed = {name for value in STEP["env"].values() for name in re.findall(r"inputs\.([a-z-]+)", value)}

    assert declared == set(GITHUB_ACTIONS.inputs({}))
    assert passed == set(ACTION["inputs"])
    for name in declared:
        variable = "INPUT_" + name.upper().replace("-", "_")
        assert STEP["env"][variable] == f"${{{{ inputs.{name} }}}}"
        assert GITHUB_ACTIONS.inputs({variable: "x"})[name] == "x"


def test_declared_outputs_are_written_outputs() -> None:
    """The outputs of action.yml are exactly those that the step writes."""
    outputs = GITHUB_ACTIONS.files(Report(SKIPPED, ()))["GITHUB_OUTPUT"]
    written = [line.partition("=")[0] for line in outputs.splitlines()]

    assert list(ACTION["outputs"]) == written
    for name, output in ACTION["outputs"].items():
        # Without the shell nothing is written, and the job goes on.
        unknown = {"ok": " || 'false'", "outcome": " || 'failed'"}.get(name, "")
        assert output["value"] == f"${{{{ steps.{STEP['id']}.outputs.{name}{unknown} }}}}"


def test_one_step_into_which_nothing_is_pasted() -> None:
    """The Action is one composite step that uses no other action, and its line holds no expression."""
    assert (ACTION["runs"]["using"], len(ACTION["runs"]["steps"]), "uses" in STEP) == ("composite", 1, False)
    assert "${{" not in STEP["run"]


def test_no_default_is_a_boolean() -> None:
    """Defaults are text, as the schema of the Marketplace wants them."""
    assert {type(item["default"]) for item in ACTION["inputs"].values()} == {str}


def recipes() -> list[tuple[str, str]]:
    readme = (ROOM / "README.md").read_text("utf-8")
    found = re.findall(r"### (.+?)\n(.*?)(?=\n##|\Z)", readme, re.DOTALL)
    blocks = [
        (title, block) for title, text in found for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]
    assert len(blocks) >= 9
    return blocks


@pytest.mark.parametrize(("title", "text"), recipes(), ids=[title for title, _ in recipes()])
def test_recipe(title: str, text: str, tmp_path: Path) -> None:
    """Each recipe of the README is a valid workflow that sets only inputs that exist."""
    if not re.search(r"^on:", text, re.MULTILINE):
        text = f"on: push\n{text}"
    (tmp_path / "workflow.yml").write_text(text)
    fits_schema("vendor.github-workflows", tmp_path / "workflow.yml")
    jobs = yaml.safe_load(text)["jobs"].values()
    ours = [
        one for job in jobs for one in job.get("steps", ()) if one.get("uses", "").endswith("/report-deploy")
    ]

    assert ours or "uses" in next(iter(jobs))
    for one in ours:
        assert set(one["with"]) <= set(ACTION["inputs"])


def launch(tmp_path: Path, pythons: dict[str, str], **environ: str) -> tuple[int, str, str, str]:
    """Run the launcher as GitHub does, with nothing but *pythons* on the PATH."""
    programs = tmp_path / "programs"
    for name, text in pythons.items():
        planted(programs / name, f"#!/bin/bash\n{text}\n")
    planted(programs / "sh", '#!/bin/sh\nexec /bin/sh "$@"\n')
    (tmp_path / "an action").mkdir()
    (tmp_path / "ci-steps").mkdir()
    shutil.copy(LAUNCHER, tmp_path / "ci-steps")
    output, summary = tmp_path / "output", tmp_path / "summary"
    known = {
        "PATH": str(programs),
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(tmp_path / "an action"),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "INPUT_FAIL_ON_ERROR": "false",
    }
    command = [program("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]]
    done = ran(command, environ={**known, **environ})
    read = [file.read_text("utf-8") if file.exists() else "" for file in (output, summary)]
    return done.returncode, done.stdout, read[0], read[1]


NEW = 'if [ "$1" = -V ]; then echo Python 3.13.0rc1; exit; fi; echo "$0" "$@"'
OLD = 'if [ "$1" = -V ]; then echo Python 3.8.18; exit; fi; echo "too old, and run"'
NINE = NEW.replace("3.13.0rc1", "3.9.2")
# What Windows has for a python3 that is not installed: words, and an exit status of its own.
SHOP = "echo Python was not found; exit 49"


@pytest.mark.parametrize(
    ("pythons", "used"),
    [
        ({"python3": NEW, "python": NEW}, "python3 -I -S"),
        ({"python3": OLD, "python": NEW}, "python -I -S"),
        ({"python3": SHOP, "python": SHOP, "py": 'shift; set -- "$@"; ' + NEW}, "py -I -S"),
        ({"python": NEW}, "python -I -S"),
        ({"python3": NINE, "python": NEW}, "python3 -I -S"),
        ({"python3": OLD.replace("3.8.18", "3.1.5"), "python": NEW}, "python -I -S"),
    ],
    ids=["python3", "python3-too-old", "windows-launcher", "python-alone", "oldest", "looks-like-newer"],
)
def test_launcher(pythons: dict[str, str], used: str, tmp_path: Path) -> None:
    """The first Python that is new enough runs the one step, apart from site-packages."""
    code, log, _, _ = launch(tmp_path, pythons)

    step = f"{tmp_path}/an action/../ci-steps/report_deploy.py"
    assert (code, log) == (0, f"{tmp_path}/programs/{used} {step}\n")


@pytest.mark.parametrize("pythons", [{}, {"python3": OLD, "python": OLD}, {"python3": SHOP}])
def test_no_python(pythons: dict[str, str], tmp_path: Path) -> None:
    """Without a usable Python the job stays green, with a warning, a summary and outputs."""
    code, log, output, summary = launch(tmp_path, pythons)

    assert code == 0
    assert log == (
        "::warning title=GitDailies::deploy not reported: "
        "Python 3.9 or later was not found as python3, python or py -3\n"
    )
    assert output.startswith("ok=false\noutcome=failed\nreason=deploy not reported")
    assert "**GitDailies**" in summary


def test_no_python_where_errors_fail(tmp_path: Path) -> None:
    """Where an error is to fail the job, that does."""
    code, log, _, _ = launch(tmp_path, {}, INPUT_FAIL_ON_ERROR="true")

    assert (code, log.startswith("::error title=GitDailies::")) == (1, True)


def with_curl(tmp_path: Path, url: str, **environ: str) -> tuple[int, str, str, str]:
    """Run the launcher where there is curl, and no Python."""
    known = {**case("github_actions", "push")["environ"], "INPUT_WEBHOOK_URL": url, "INPUT_WEBHOOK_KEY": KEY}
    return launch(tmp_path, {"curl": f'exec {program("curl")} "$@"'}, **{**known, **environ})


def test_no_python_but_curl(tmp_path: Path) -> None:
    """Without Python, the documented fields are sent, and the outputs say so."""
    with serving(answer("202 Accepted", b"{}")) as server:
        code, log, output, _ = with_curl(tmp_path, server.url, INPUT_ENVIRONMENT="production")

    [request] = server.requests
    [event] = case("github_actions", "push")["expected"]["events"]
    documented = {name: event[name] for name in ("kind", "repo", "commitSHA", "branch")}
    assert json.loads(request.body) == {**documented, "environment": "production"}
    assert request.headers["webhook-key"] == KEY
    assert (code, output) == (0, "ok=true\noutcome=reported\nreason=\nhttp-status=202\n")
    assert "GitDailies: without Python 3.9, only the documented fields are sent" in log
    assert KEY not in log


@pytest.mark.parametrize("event", ["pull_request", "workflow_run", "deployment_status", "merge_group"])
def test_no_python_and_a_payload(event: str, tmp_path: Path) -> None:
    """The commit of these events is in the payload, which only Python reads, so nothing is sent."""
    with serving() as server:
        code, log, output, _ = with_curl(tmp_path, server.url, GITHUB_EVENT_NAME=event)

    assert (code, server.requests) == (0, [])
    assert "only Python reads the commit here; set INPUT_SHA in full" in log
    assert output.startswith("ok=false\noutcome=failed\n")
