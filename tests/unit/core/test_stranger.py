"""A stranger's adapter is found and checked against the contract, without a change to our code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
QUESTIONS = """
import json
from gitdailies_core.contract import checks as contract
from gitdailies_core.sources import registry
adapter = registry.adapter("beacon")
print(json.dumps({
    "names": registry.names(),
    "file": __import__("gitdailies_beacon").__file__,
    "faults": list(contract.faults(adapter)),
    "examples": [example.name for example in contract.examples(adapter)],
}))
"""


def run(*command: Any, path: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has built and installed the stranger's distribution, without a network."""
    source = tmp_path_factory.mktemp("source") / "stranger"
    target = tmp_path_factory.mktemp("target")
    shutil.copytree(DATA / "stranger", source, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    run("-m", "pip", "install", *offline, "--target", target, source)
    return target


def test_it_is_found_next_to_ours_and_meets_the_contract(installed: Path) -> None:
    """The registry lists it and loads it from pip's folder with its examples, and it has no fault."""
    answers = json.loads(run("-c", QUESTIONS, path=installed))

    assert {"beacon", "pagerduty"} <= set(answers["names"])
    assert Path(answers["file"]).is_relative_to(installed)
    assert answers["faults"] == []
    assert answers["examples"] == ["dimmed", "lit", "out"]


def test_without_it_nothing_knows_its_name() -> None:
    """Nothing of ours mentions it: the same question without the package finds no such adapter."""
    names = json.loads(
        run(
            "-c",
            "import json; from gitdailies_core.sources import registry; print(json.dumps(registry.names()))",
        )
    )

    assert "beacon" not in names
