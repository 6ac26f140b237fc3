"""Runs a workflow with the packaged Action for real, under act on this very machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.steps import Ended, logged

HERE = Path(__file__).parent
ROOM = HERE.parents[2] / "github-action"
STEP = HERE.parents[2] / "ci-steps" / "report_deploy.py"
LAUNCHER = STEP.with_name("launch.sh")
REPOSITORY = "larkspur/checkout-api"
ACT = Path(sys.executable).with_name("act")


@dataclass(frozen=True)
class Run:
    """The result of a run: the whole log, act's exit code, each job's outputs, and the annotations."""

    log: str
    code: int
    outputs: dict[str, dict[str, str]]
    summaries: list[str]
    annotations: list[tuple[str, str]]
    sha: str

    @property
    def report(self) -> dict[str, str]:
        return self.outputs["report"]


def act(
    folder: Path,
    workflow: str,
    *,
    event: str = "push",
    payload: str | None = None,
    key: str | None,
    env: Mapping[str, str] | None = None,
    **variables: str,
) -> Run:
    """Run *workflow* in a new repository that holds the Action; *key* is its secret, *variables* its vars.

    *env* is what the runner puts into the environment of every step.
    """
    repository, results = folder / "checkout-api", folder / "results"
    sha = _repository(repository)
    results.mkdir()
    options = [event, "--workflows", f".github/workflows/{workflow}.yml", "--env", f"RESULTS={results}"]
    for name, value in variables.items():
        options += ["--var", f"{name.upper()}={value}"]
    for name, value in (env or {}).items():
        options += ["--env", f"{name}={value}"]
    if payload is not None:
        options += ["--eventpath", str(HERE / "payloads" / f"{payload}.json")]
    secrets = {} if key is None else {"WEBHOOK_KEY": key}
    done = of_act(options, repository, folder, secrets)
    return Run(
        log=done.log,
        code=done.code,
        outputs={file.stem: _read(file) for file in results.glob("*.json")},
        # act prints a composite's summary twice: for its step, and for itself.
        summaries=list(dict.fromkeys(re.findall(r"Summary - (.*)", done.log))),
        annotations=re.findall(r"::(notice|warning|error) title=GitDailies::(.*)", done.log),
        sha=sha,
    )


def of_act(
    options: Sequence[str],
    repository: Path,
    home: Path,
    secrets: Mapping[str, str],
    *,
    path: str = os.environ["PATH"],
    runners: Sequence[str] = ("ubuntu-latest",),
) -> Ended:
    """Run act in *repository*, with jobs of *runners* on this very machine and all output in one text.

    Secrets come by the environment, so that no process list shows them.
    """
    command = [str(ACT), *options, "--pull=false", "--no-cache-server", "--cache-server-addr", "127.0.0.1"]
    command += ["--artifact-server-addr", "127.0.0.1"]
    for runner in runners:
        command += ["--platform", f"{runner}=-self-hosted"]
    for name in secrets:
        command += ["--secret", name]
    environ = {"PATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), **secrets}
    return logged(command, repository, environ, 240)


def _read(file: Path) -> dict[str, str]:
    outputs: dict[str, str] = json.loads(file.read_text("utf-8"))
    return outputs


def _repository(folder: Path) -> str:
    """Make a repository with one commit on main, the Action and the workflows in it."""
    shutil.copytree(
        ROOM, folder / "github-action", ignore=shutil.ignore_patterns("gitdailies_*", "__pycache__")
    )
    # GitHub fetches the whole repository of an action, so the step comes from the folder next to it.
    (folder / "ci-steps").mkdir()
    for file in (STEP, LAUNCHER):
        shutil.copy(file, folder / "ci-steps")
    shutil.copytree(HERE / "workflows", folder / ".github" / "workflows")
    who = ["-c", "user.name=Robin", "-c", "user.email=robin@example.com"]
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", f"https://github.com/{REPOSITORY}.git"],
        ["add", "."],
        [*who, "commit", "-q", "-m", "all"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def bodies(requests: list[Any]) -> list[dict[str, Any]]:
    """Return the received bodies without id and page, since no test of an event needs them."""
    return [
        {
            name: value
            for name, value in json.loads(request.body).items()
            if name not in ("id", "url", "commits")
        }
        for request in requests
    ]
