"""The shared library for Jenkins: its step, run by Groovy with Jenkins' own steps as stand-ins."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gitdailies_core.ci.reporting.settings import INPUTS

from scripts.builders.packages.jenkins_library import argument
from tests.support.programs import program, ran
from tests.support.servers import answer, serving
from tests.support.shell_scripts import KEY, ROOT, case_of, programs
from tests.support.steps import published

LIBRARY = published("jenkins") / "library"
HERE = ROOT / "tests" / "support" / "jenkins"
# Groovy takes seconds to start.
by_groovy = pytest.mark.long


def run(
    folder: Path, url: str = "", *, machine: str = "unix", credentials: str = KEY, **given: object
) -> subprocess.CompletedProcess[str]:
    """Run the step in a job whose address is a variable of the pipeline."""
    (folder / "tmp").mkdir()
    bin_ = programs(folder, sys.executable)
    (Path(bin_) / "sh").symlink_to("/bin/sh")
    command = ["-cp", str(HERE), str(HERE / "pipeline.groovy"), str(LIBRARY), machine, credentials]
    environ = {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TMP_OF_JOB": str(folder / "tmp"),
        "GITDAILIES_WEBHOOK_URL": url,
    }
    command = [program("groovy"), *command, json.dumps(given)]
    return ran(command, folder, {**environ, **case_of("jenkins")["environ"]})


@by_groovy
def test_a_deploy_arrives(tmp_path: Path) -> None:
    """The step reports the build's commit with its arguments, and the key comes from the credential."""
    with serving() as server:
        done = run(tmp_path, server.url, environment="production", service="checkout", dryRun=False)

    assert (done.returncode, "GitDailies: reported: deploy of" in done.stdout) == (0, True), done.stdout
    [request] = server.requests
    [event] = case_of("jenkins")["expected"]["events"]
    known = {"commitSHA": event["commitSHA"], "environment": "production", "service": "checkout"}
    assert json.loads(request.body).items() >= known.items()
    assert request.headers["webhook-key"] == KEY
    assert KEY not in done.stdout
    # The checkout of the job stays as it is.
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["report_deploy.sh"]


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("credentials", [KEY, "missing"])
@by_groovy
def test_a_problem(strict: bool, code: int, credentials: str, tmp_path: Path) -> None:
    """A refused key and a missing credential are warnings, and fail the build where errors are to fail."""
    with serving(answer("401 Unauthorized", b"{}")) as server:
        done = run(tmp_path, server.url, credentials=credentials, failOnError=strict)

    assert done.returncode == code, done.stdout
    if credentials == "missing":
        assert "Could not find credentials entry with ID 'gitdailies-webhook-key'" in done.stdout
    assert ("WARNING: " in done.stdout) is not strict
    assert KEY not in done.stdout


@by_groovy
def test_a_build_that_is_stopped(tmp_path: Path) -> None:
    """A build that a person stops ends, and is no problem of the report."""
    done = run(tmp_path, credentials="stopped")

    assert (done.returncode, done.stdout) == (143, "the build is stopped\n")


@by_groovy
def test_windows(tmp_path: Path) -> None:
    """On an agent with Windows, the script for PowerShell runs by bat."""
    done = run(tmp_path, machine="windows", environment="production")

    assert done.stdout == (
        "bat: @powershell -NoProfile -ExecutionPolicy Bypass -File "
        '"%GITDAILIES_LIBRARY%\\report_deploy.ps1"\n'
    )
    written = (tmp_path / "tmp" / "report_deploy.ps1").read_text("utf-8")
    assert written == (published("jenkins") / "report_deploy.ps1").read_text("utf-8")


@by_groovy
def test_an_unknown_argument(tmp_path: Path) -> None:
    """An argument that does not exist fails the build, and the message names those that do."""
    done = run(tmp_path, enviroment="production")

    assert done.returncode == 1
    assert re.search(r"expected arguments of .*environment.*, got enviroment\n", done.stdout)


def test_every_input_is_an_argument() -> None:
    """The step takes every input but the key, in Groovy's form of its name."""
    text = (LIBRARY / "vars" / "gitdailiesDeploy.groovy").read_text("utf-8")
    [known] = re.findall(r"List known = \[(.+)\]", text)

    assert re.findall(r"'(\w+)'", known) == [argument(name) for name in INPUTS if name != "webhook-key"]
