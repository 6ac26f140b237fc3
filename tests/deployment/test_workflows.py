"""The workflows are valid, pinned and have few rights; what renovates their pins is valid, too."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.steps import fits_schema, tool

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
PIN = re.compile(r"^[a-z0-9-]+(/[a-z0-9-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
# The rights that allow publishing, and the jobs that may have them.
STRONG = {"contents: write", "packages: write", "id-token: write", "attestations: write"}
# An action that stores what later runs take. What it stores, another branch may have written.
CACHES = re.compile(r"actions/cache|(?<!no-)cache: |cache-from|cache-to")


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [str(path) for path in WORKFLOWS]),
        ("vendor.renovate", [str(FOLDER / "renovate.json")]),
        ("vendor.dependabot", [str(FOLDER / "dependabot.yml")]),
    ],
)
def test_each_file_fits_its_schema(schema: str, files: list[str]) -> None:
    """Workflows, and the settings of Renovate and Dependabot, fit the schemas of their makers."""
    assert files
    fits_schema(schema, *files)


def test_actionlint() -> None:
    """actionlint finds nothing, in expressions and in the shell of steps."""
    shellcheck = str(Path(sys.executable).with_name("shellcheck"))
    tool("actionlint", "-shellcheck", shellcheck, *map(str, WORKFLOWS))


def test_zizmor() -> None:
    """zizmor finds nothing, at its strictest."""
    tool("zizmor", "--offline", "--no-config", "--pedantic", str(FOLDER))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned(path: Path) -> None:
    """Each action is named by a whole SHA, followed by its version in a comment."""
    used = re.findall(r"uses: (.+)", path.read_text("utf-8"))

    assert used
    assert [line for line in used if not PIN.match(line)] == []


def test_one_action_has_one_pin() -> None:
    """All workflows use the same version of an action."""
    pins = {line for path in WORKFLOWS for line in re.findall(r"uses: (.+)", path.read_text("utf-8"))}

    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_given_by_job(path: Path) -> None:
    """A workflow has no rights, and each job names its own. No checkout leaves a token in the folder."""
    workflow = read(path)
    checkouts = [
        step
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]

    assert workflow["permissions"] == {}
    assert [name for name, job in workflow["jobs"].items() if "permissions" not in job] == []
    assert checkouts
    assert {step["with"]["persist-credentials"] for step in checkouts} == {False}


def test_nothing_with_rights_to_publish_runs_without_a_person() -> None:
    """A job of the release that may write, or has a secret, waits for the environment, but for attesting."""
    jobs = read(FOLDER / "workflows" / "release.yml")["jobs"]
    text = {name: yaml.safe_dump(job) for name, job in jobs.items()}
    strong = {
        name for name in jobs if any(right in text[name] for right in STRONG) or "secrets." in text[name]
    }

    assert strong - {"attest"} == {name for name, job in jobs.items() if job.get("environment") == "release"}
    assert {"build", "try"} & strong == set()


def test_a_release_uses_no_cache() -> None:
    """Nothing that another run stored gets into a release."""
    text = (FOLDER / "workflows" / "release.yml").read_text("utf-8")

    assert CACHES.findall(text) == []


def test_only_the_job_without_sources_and_scripts_has_the_identity_of_the_package_index() -> None:
    """The job that publishes the package runs one line of shell and the index's own action."""
    job = read(FOLDER / "workflows" / "release.yml")["jobs"]["package"]

    assert job["permissions"] == {"id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]


def test_every_secret_of_the_release_is_explained() -> None:
    """CONTRIBUTING.md lists each secret that an owner adds, and no other."""
    used = set(re.findall(r"secrets\.(\w+)", (FOLDER / "workflows" / "release.yml").read_text("utf-8")))
    listed = set(
        re.findall(r"^ +\| `(\w+_TOKEN)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    )

    assert used == listed
    assert len(used) == 3
