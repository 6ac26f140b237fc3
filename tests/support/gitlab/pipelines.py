"""Runs pipelines that include the component, under gitlab-ci-local with its shell executor."""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.shell_scripts import KEY, ROOT, repository, tool
from tests.support.steps import logged, published

ROOM = ROOT / "ci-steps" / "gitlab"
BUILT = published("gitlab")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """The result of a pipeline: the whole log, the exit code, each job's outcome, and its commit.

    For a job with `allow_failure: exit_codes`, gitlab-ci-local prints the outcome as GitLab would, but
    its own exit code is always 0: look at `jobs`.
    """

    log: str
    code: int
    jobs: dict[str, str]
    sha: str


def pipeline(
    folder: Path, name: str, url: str = "", key: str = KEY, *, path: str | None = None, **variables: str
) -> Run:
    """Run the pipeline *name* in a new project with the component, which reports to *url* with *key*.

    *variables* are others of its settings.
    """
    project = folder / "checkout-api"
    shutil.copytree(BUILT / "templates", project / "templates")
    (project / "gitdailies").mkdir()
    shutil.copy(BUILT / "report_deploy.sh", project / "gitdailies")
    shutil.copy(HERE / "pipelines" / f"{name}.yml", project / ".gitlab-ci.yml")
    sha = repository(project, remote="https://gitlab.example.com/larkspur/checkout-api.git")
    known = {"gitdailies_webhook_url": url, "gitdailies_webhook_key": key} if url else {}
    return run(project, folder, sha, {**known, **variables}, path=path)


def run(
    project: Path,
    home: Path,
    sha: str,
    variables: Mapping[str, str],
    *,
    path: str | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Run the pipeline of a project; *variables* are those of its settings."""
    command = [tool("gitlab-ci-local"), "--force-shell-executor", "--home", str(home)]
    for variable, value in variables.items():
        command += ["--variable", f"{variable.upper()}={value}"]
    where = path or f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = logged(command, project, {"PATH": where, "HOME": str(home), "FORCE_COLOR": "0", **environ}, 240)
    outcomes = re.findall(r"^ *(PASS|WARN|FAIL) +(\S+)", done.log, re.MULTILINE)
    return Run(done.log, done.code, {name: outcome for outcome, name in outcomes}, sha)
