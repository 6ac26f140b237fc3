"""Platforms whose step is one line: the line as the page shows it, in a shell, and the page's pipeline."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.platforms import teamcity

from tests.support.programs import planted, program, ran
from tests.support.servers import serving
from tests.support.shell_scripts import KEY, SCRIPTS, case_of, programs, repository
from tests.support.steps import ROOT, fits_schema, published

_BLOCK = re.compile(r"^```(yaml|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """A block of a page, the case whose variables its job has, and the vendor's schema if there is one."""

    room: str
    number: int
    case: str
    schema: str = ""

    @property
    def text(self) -> str:
        page = (ROOT / "ci-steps" / self.room / "README.md").read_text("utf-8")
        return _BLOCK.findall(page)[self.number][1]


RECIPES = (
    Recipe("drone", 0, "promotion", "vendor.drone-ci"),
    Recipe("woodpecker", 0, "deployment", "vendor.woodpecker-ci"),
    Recipe("codebuild", 0, "branch"),
    Recipe("codebuild", 1, "pipeline"),
    Recipe("google_cloud_build", 0, "branch", "vendor.cloudbuild"),
    Recipe("teamcity", 0, "branch"),
)
each = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.room}-{recipe.number}")


def job(recipe: Recipe) -> tuple[list[str], dict[str, str]]:
    """Return the lines that the job runs, and the variables that the pipeline sets."""
    if recipe.room == "teamcity":
        return recipe.text.splitlines(), {"GITDAILIES_ENVIRONMENT": "production"}
    read: dict[str, Any] = yaml.safe_load(recipe.text)
    if recipe.room == "codebuild":
        return read["phases"]["build"]["commands"], read["env"]["variables"]
    [step] = read["steps"]
    if "script" in step:
        assert read["options"]["automapSubstitutions"] is True
        return step["script"].splitlines(), dict(one.split("=", 1) for one in step["env"])
    return step["commands"], step["environment"]


def run(folder: Path, recipe: Recipe, url: str, deploy: str = "true") -> subprocess.CompletedProcess[str]:
    """Run the lines as the platform does: one after the other, until one fails."""
    lines, variables = job(recipe)
    (folder / "gitdailies").mkdir()
    shutil.copy(published(recipe.room) / "report_deploy.sh", folder / "gitdailies")
    planted(folder / "deploy.sh", f"#!/bin/sh\n{deploy}\n")
    bin_ = Path(programs(folder, sys.executable))
    (bin_ / "sh").symlink_to("/bin/sh")
    texts = {name: text for name, text in variables.items() if isinstance(text, str)}
    assert texts.get("GITDAILIES_WEBHOOK_URL", "https://hooks.example.com/webhooks").endswith("/webhooks")
    environ: Mapping[str, str] = {
        **case_of(recipe.room, recipe.case)["environ"],
        **texts,
        "GITDAILIES_WEBHOOK_URL": url,
        "GITDAILIES_WEBHOOK_KEY": KEY,
        "PATH": str(bin_),
        "HOME": str(folder),
    }
    return ran(["/bin/sh", "-e", "-c", "\n".join(lines)], folder, environ)


@each
def test_the_deploy_arrives(recipe: Recipe, tmp_path: Path) -> None:
    """The page's job reports its commit, its repository and the environment, and shows no key."""
    [event] = case_of(recipe.room, recipe.case)["expected"]["events"]
    with serving() as server:
        done = run(tmp_path, recipe, server.url)

    assert (done.returncode, done.stderr) == (0, "")
    [request] = server.requests
    known = {name: event[name] for name in ("repo", "commitSHA", "branch")}
    assert json.loads(request.body).items() >= {**known, "environment": "production"}.items()
    assert KEY not in done.stdout


@each
def test_a_failed_deploy(recipe: Recipe, tmp_path: Path) -> None:
    """After a deploy that failed, the line does not run. In TeamCity the step's policy sees to that."""
    if recipe.room == "teamcity":
        page = (ROOT / "ci-steps/teamcity/README.md").read_text("utf-8")
        assert "*If all previous steps finished successfully*" in page
        return
    with serving() as server:
        done = run(tmp_path, recipe, server.url, deploy="exit 9")

    assert (done.returncode, server.requests) == (9, [])


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.schema], ids=lambda recipe: recipe.room)
def test_the_pipeline_is_valid(recipe: Recipe, tmp_path: Path) -> None:
    """The page's pipeline is valid by the schema of the vendor, which refuses a misspelled key."""
    (tmp_path / "pipeline.yml").write_text(recipe.text)
    fits_schema(recipe.schema, tmp_path / "pipeline.yml")

    (tmp_path / "wrong.yml").write_text(recipe.text.replace("steps:", "stepz:"))
    with pytest.raises(AssertionError):
        fits_schema(recipe.schema, tmp_path / "wrong.yml")


def test_every_block_is_a_recipe() -> None:
    """No pipeline of these pages is left out, and each platform is built as a script."""
    assert {recipe.room for recipe in RECIPES} <= set(SCRIPTS)
    for room in {recipe.room for recipe in RECIPES}:
        page = (ROOT / "ci-steps" / room / "README.md").read_text("utf-8")
        shown = [number for number, block in enumerate(_BLOCK.findall(page)) if "report_deploy" in block[1]]
        assert shown == [recipe.number for recipe in RECIPES if recipe.room == room]


def test_the_parameters_of_teamcity() -> None:
    """The page tells to add each parameter that TeamCity gives to no variable, and core reads it."""
    page = (ROOT / "ci-steps/teamcity/README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `env\.(TEAMCITY_\w+)` \| `%(.+?)%` \|", page, re.MULTILINE))

    assert told == teamcity.ADDED
    table = teamcity.TEAMCITY
    assert set(told) <= {*table.run, *table.branch, *table.repo_url}


def test_curl_alone(tmp_path: Path) -> None:
    """The line for any other platform reports the commit of the checkout, and the key is in no argument."""
    page = (ROOT / "docs/ci-steps.md").read_text("utf-8")
    [line] = re.findall(r"^```shell\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    sha = repository(tmp_path / "checkout")
    curl = f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/arguments\nexec {program("curl")} "$@"\n'
    bin_ = planted(tmp_path / "bin/curl", curl).parent
    (bin_ / "git").symlink_to(program("git"))
    with serving() as server:
        environ = {"PATH": str(bin_), "GITDAILIES_WEBHOOK_URL": server.url, "GITDAILIES_WEBHOOK_KEY": KEY}
        done = ran(["/bin/sh", "-e", "-c", line], tmp_path / "checkout", environ)

    assert (done.returncode, done.stderr) == (0, "")
    [request] = server.requests
    assert json.loads(request.body) == {
        "kind": "deployed",
        "repo": "larkspur/checkout-api",
        "environment": "production",
        "commitSHA": sha,
    }
    assert request.headers["webhook-key"] == KEY
    assert KEY not in (tmp_path / "arguments").read_text("utf-8")
