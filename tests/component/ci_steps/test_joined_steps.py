"""The one step, and the step of each platform alone, on every Python found here, held to what 3.9 has."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

from scripts import joiner
from tests.component.ci_steps.test_github_interpreters import each as each_python
from tests.support.programs import ran
from tests.support.shell_scripts import case_of
from tests.support.steps import ROOT, case, tool

ONE = ROOT / joiner.STEP
# How the input of a dry run is named, where not GITDAILIES_DRY_RUN.
DRY_RUN = {"circleci": "PARAM_DRY_RUN", "octopus": "GitDailies.DryRun"}
# The Action has tests of its own.
MODULES = sorted(set(BY_MODULE) - {"github_actions"})

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module", params=["every platform", *BY_MODULE])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step of every platform, and that of each alone, in a file."""
    path = tmp_path_factory.mktemp("step") / "step.py"
    module = request.param
    path.write_text(joiner.step_of(ROOT, module) if module in BY_MODULE else joiner.step(ROOT), "utf-8")
    return path


def job(module: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the variables of a job that asks for a dry run, and the event that core's tables say."""
    read = case("octopus", "build_information") if module == "octopus" else case_of(module)
    [event] = read["expected"]["events"]
    written = Dialect.make().write(Event.from_wire(event))
    return {**read["environ"], DRY_RUN.get(module, "GITDAILIES_DRY_RUN"): "true"}, written


def shown(command: list[str], folder: Path, environ: dict[str, str], given: str = "") -> dict[str, Any]:
    """Run a step, which must end well with no word on stderr; return the event that it shows."""
    done = ran(command, folder, {"PATH": "/nowhere", **environ}, given=given)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    payload: dict[str, Any] = json.loads(done.stdout.splitlines()[-1].removeprefix("GitDailies: "))
    return payload


@each_python
@pytest.mark.parametrize("module", [module for module in MODULES if module != "octopus"])
def test_the_one_step_finds_its_platform(python: str, module: str, tmp_path: Path) -> None:
    """On each Python the one step, without an argument, shows the event that core's tables say."""
    environ, event = job(module)

    assert shown([python, "-I", "-S", "-W", "error", str(ONE)], tmp_path, environ) == event


@each_python
@pytest.mark.parametrize("module", MODULES)
def test_the_step_of_one_platform(python: str, module: str, tmp_path: Path) -> None:
    """On each Python the step of a platform alone shows that event, among variables of another platform."""
    environ, event = job(module)
    step = tmp_path / "step.py"
    step.write_text(joiner.step_of(ROOT, module), "utf-8")
    command = [python, "-I", "-S", "-W", "error", str(step)]
    if module == "octopus":
        # Octopus' step reads its variables, whose names no environment has, from standard input.
        pairs = "".join(f"{key}={value}\0" for key, value in environ.items())
        assert shown(command, tmp_path, {}, pairs) == event
    else:
        assert shown(command, tmp_path, {**environ, "GITHUB_ACTIONS": "true"}) == event


def test_the_step_of_jenkins_needs_no_marker(tmp_path: Path) -> None:
    """Jenkins sets JENKINS_URL only where an administrator gave it one; its own step does without."""
    environ, event = job("jenkins")
    del environ["JENKINS_URL"]
    step = tmp_path / "step.py"
    step.write_text(joiner.step_of(ROOT, "jenkins"), "utf-8")

    assert shown([sys.executable, "-I", "-S", str(step)], tmp_path, environ) == event


# As Octopus' agent runs a script: inside of a process of its own, which goes on afterwards.
AGENT = """\
import json, runpy, sys
variables = json.load(open(sys.argv[1]))
try:
    runpy.run_path(sys.argv[2], {"get_octopusvariable": lambda name: variables.get(name, "")}, "__main__")
except SystemExit as end:
    print(json.dumps({"ended": end.code}))
"""


def test_the_one_step_knows_octopus_by_what_its_agent_lends(tmp_path: Path) -> None:
    """Where an agent lends its function, the one step asks it, and leaves the agent's process running."""
    environ, event = job("octopus")
    (tmp_path / "variables.json").write_text(json.dumps(environ))
    command = [sys.executable, "-c", AGENT, "variables.json", str(ONE)]
    done = ran(command, tmp_path, {"PATH": "/nowhere"})

    *_, payload, ended = done.stdout.splitlines()
    assert (json.loads(payload), json.loads(ended)) == (event, {"ended": 0})


def test_on_no_platform_it_goes_by_its_inputs(tmp_path: Path) -> None:
    """Outside of a known platform the inputs are GITDAILIES_*, and a missing one is named so."""
    sha = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
    environ = {"GITDAILIES_REPO": "larkspur/checkout-api", "GITDAILIES_DRY_RUN": "true"}
    command = [sys.executable, "-I", "-S", str(ONE)]
    done = ran(command, tmp_path, environ)

    assert done.returncode == 0
    assert done.stdout.startswith("GitDailies: WARNING: deploy not reported: GITDAILIES_SHA: expected ")
    assert shown(command, tmp_path, {**environ, "GITDAILIES_SHA": sha})["commitSHA"] == sha


@pytest.mark.parametrize("strict", ["", "true"])
@pytest.mark.parametrize(
    ("payload", "redirect"),
    [("[" * 200_000, ""), ('{"pull_request": 7, "commits": {}}', ""), ("{}", ">&-"), ("{}", ">/dev/full")],
    ids=["a payload without end", "a payload of another shape", "no log", "a full disk"],
)
def test_the_job_stays_green(payload: str, redirect: str, strict: str, tmp_path: Path) -> None:
    """Whatever the payload and the log are like, a job that did not ask for errors ends with 0."""
    (tmp_path / "event.json").write_text(payload)
    environ = {
        **case("github_actions", "push")["environ"],
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "INPUT_DRY_RUN": "true",
        "INPUT_FAIL_ON_ERROR": strict,
    }
    line = f'"{sys.executable}" -I -S "{ONE}" {redirect}'
    done = ran(["/bin/sh", "-c", line], tmp_path, environ)

    assert done.returncode == 0 or (strict and redirect)
    assert "Traceback" not in done.stderr


def test_nothing_newer_than_3_9(file: Path) -> None:
    """No step's syntax, modules, functions or keywords came after Python 3.9."""
    ast.parse(file.read_text("utf-8"), feature_version=(3, 9))
    tool("vermin", "--target=3.9-", "--no-tips", "--violations", "--eval-annotations", str(file))


def test_a_planted_newer_name_is_found(tmp_path: Path) -> None:
    """The check above sees a function of 3.10."""
    (tmp_path / "step.py").write_text("import itertools\nitertools.pairwise([])\n")

    with pytest.raises(AssertionError, match=r"itertools\.pairwise"):
        tool("vermin", "--target=3.9-", "--no-tips", "--violations", str(tmp_path / "step.py"))


def test_no_name_is_lost_in_joining(file: Path) -> None:
    """No name in a joined file is undefined, or hidden by a local one before it is used."""
    tool("ruff", "check", "--isolated", "--select", "F821,F823,F811", str(file))


def test_the_committed_step() -> None:
    """The committed step equals the joined sources, and the tree has no other copy of it."""
    assert ONE.read_text("utf-8") == joiner.step(ROOT)

    # A line that the step has of its sender, and that no other file writes out.
    line = "def _bounded" + "_post("
    found = ran(["git", "grep", "-lF", line], ROOT)
    assert found.stdout.split() == [str(joiner.STEP), "core/gitdailies_core/ci/sending/sender.py"]
