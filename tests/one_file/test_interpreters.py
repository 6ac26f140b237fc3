"""Every joined step, on every Python that is found here, and held against what 3.9 has."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

from scripts.generated_scripts import SCRIPTS
from scripts.generated_steps import STEPS
from scripts.join import join
from tests.github_action.test_interpreters import NEW_ENOUGH
from tests.steps import ROOT, case, tool

ROOMS = sorted({*(path.partition("/")[0] for path in STEPS), *SCRIPTS})
# Room to its platform's folder of cases, the case, and how its inputs are named; the Action has
# tests of its own.
DRY_RUNS = {
    "circleci-orb": ("circleci", "branch", "PARAM_DRY_RUN"),
    "octopus-step": ("octopus", "build_information", "GitDailies.DryRun"),
    "travis-ci": ("travis", "branch", "GITDAILIES_DRY_RUN"),
}

each_python = pytest.mark.parametrize(
    "python", NEW_ENOUGH.values(), ids=[".".join(map(str, version)) for version in NEW_ENOUGH]
)


@pytest.fixture(scope="module", params=ROOMS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step of a room, joined anew, in a file."""
    path = tmp_path_factory.mktemp(request.param) / "step.py"
    path.write_text(join(ROOT / request.param, head="A step.", version="0"), "utf-8")
    return path


@each_python
@pytest.mark.parametrize("room", DRY_RUNS)
def test_it_resolves(python: str, room: str, tmp_path: Path) -> None:
    """On each Python the step comes to the event that core's tables say, with no word on stderr."""
    platform, name, dry_run = DRY_RUNS[room]
    read = case(platform, name)
    environ = {**read["environ"], dry_run: "true"}
    pairs = "".join(f"{key}={value}\0" for key, value in environ.items())
    step = tmp_path / "step.py"
    step.write_text(join(ROOT / room, head="A step.", version="0"), "utf-8")
    done = subprocess.run(
        [python, "-I", "-S", "-W", "error", str(step)],
        cwd=tmp_path,
        # Octopus' step reads its variables, whose names no environment has, from standard input.
        env={"PATH": "/nowhere", **({} if platform == "octopus" else environ)},
        input=pairs,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    payload: dict[str, Any] = json.loads(done.stdout.splitlines()[-1].removeprefix("GitDailies: "))
    [event] = read["expected"]["events"]
    assert payload == Dialect.make().write(Event.from_wire(event))


def test_nothing_newer_than_3_9(file: Path) -> None:
    """No step's syntax, modules, functions or keywords came after Python 3.9."""
    ast.parse(file.read_text("utf-8"), feature_version=(3, 9))
    tool("vermin", "--target=3.9-", "--no-tips", "--violations", "--eval-annotations", str(file))


def test_a_planted_newer_name_is_found(tmp_path: Path) -> None:
    """The check above sees a function of 3.10."""
    (tmp_path / "step.py").write_text("import itertools\nitertools.pairwise([])\n")

    with pytest.raises(AssertionError, match=r"itertools\.pairwise"):
        tool("vermin", "--target=3.9-", "--no-tips", "--violations", str(tmp_path / "step.py"))


def test_the_start_to_exit() -> None:
    """From start to exit the step takes at most 1.5 times what an import of urllib.request does."""
    benchmark = [sys.executable, str(ROOT / "benchmarks" / "steps.py"), "--rounds", "9", "--installs", "0"]
    done = subprocess.run(benchmark, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "the step takes" in done.stdout


def test_the_table_above_has_no_stranger() -> None:
    """Each room of the dry runs is one that is joined."""
    assert set(DRY_RUNS) <= set(ROOMS)
