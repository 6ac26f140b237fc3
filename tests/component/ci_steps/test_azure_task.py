"""The task for Azure Pipelines: its manifest by the rules of Microsoft's schema, and its program in Node.

The rules are those of `tasks.schema.json` in microsoft/azure-pipelines-task-lib.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import joiner
from tests.support.programs import program, ran
from tests.support.servers import answer, serving
from tests.support.shell_scripts import KEY, ROOT, case_of, programs
from tests.support.steps import published

TASK = published("azure") / "task"
MANIFEST: dict[str, Any] = json.loads((TASK / "task.json").read_text("utf-8"))
TEMPLATE = yaml.load((published("azure") / "report-deploy.yml").read_text("utf-8"), yaml.CSafeLoader)


def run(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the task as the agent does: every input as INPUT_NAME, defaults included, secrets filled in."""
    given = {one["name"]: one["defaultValue"] for one in MANIFEST["inputs"]} | inputs
    bin_ = Path(programs(folder, sys.executable))
    (bin_ / "sh").symlink_to("/bin/sh")
    environ = {
        "PATH": str(bin_),
        "HOME": str(folder),
        **case_of("azure")["environ"],
        **{f"INPUT_{name.upper()}": text for name, text in given.items()},
    }
    return ran([program("node"), TASK / "index.js"], folder, environ)


def test_a_deploy_arrives(tmp_path: Path) -> None:
    """A deploy arrives with the inputs that are set, and the log shows no key."""
    inputs = {"environment": "production", "service": "checkout", "type": "hotfix"}
    with serving() as server:
        done = run(tmp_path, webhookUrl=server.url, webhookKey=KEY, **inputs)

    [request] = server.requests
    [event] = case_of("azure")["expected"]["events"]
    assert (done.returncode, done.stderr) == (0, "")
    deployed = {"repo": event["repo"], "commitSHA": event["commitSHA"], **inputs}
    assert json.loads(request.body).items() >= deployed.items()
    assert request.headers["webhook-key"] == KEY
    assert KEY not in done.stdout


@pytest.mark.parametrize(("strict", "code"), [("false", 0), ("true", 3)])
def test_a_wrong_key(strict: str, code: int, tmp_path: Path) -> None:
    """A refused key is a warning on the run's page, and fails the task where errors are to fail."""
    with serving(answer("401 Unauthorized", b"{}")) as server:
        done = run(tmp_path, webhookUrl=server.url, webhookKey=KEY, failOnError=strict)

    level = "error" if code else "warning"
    assert done.returncode == code
    assert f"##vso[task.logissue type={level}]GitDailies: {level.upper()}: " in done.stdout
    assert ("##vso[task.complete result=Failed;]" in done.stdout) == bool(code)
    assert KEY not in done.stdout


def test_no_shell(tmp_path: Path) -> None:
    """Where the script cannot start, the task warns and stays green."""
    done = ran([program("node"), TASK / "index.js"], environ={"PATH": programs(tmp_path, None)})

    assert done.returncode == 0
    assert done.stdout == (
        "##vso[task.logissue type=warning]GitDailies: WARNING: deploy not reported: sh did not start\n"
    )


def test_the_manifest() -> None:
    """Names, lengths and words are those that Azure takes, and the version is the project's."""
    inputs = MANIFEST["inputs"]

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", MANIFEST["id"])
    assert re.fullmatch(r"[A-Za-z0-9-]+", MANIFEST["name"])
    assert len(MANIFEST["friendlyName"]) <= 40
    assert MANIFEST["category"] in ("Build", "Utility", "Test", "Package", "Deploy")
    assert [MANIFEST["version"][part] for part in ("Major", "Minor", "Patch")] == [
        int(part) for part in joiner.version(ROOT).split(".")
    ]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", one["name"]) for one in inputs)
    assert {one["type"] for one in inputs} <= {"boolean", "pickList", "string"}
    assert all(isinstance(one["defaultValue"], str) and one["label"] for one in inputs)
    assert all((TASK / one["target"]).is_file() for one in MANIFEST["execution"].values())


def test_the_page_names_the_task() -> None:
    """The recipe of the page names the task with its major version, and inputs that exist.

    The vendor's schema knows no task but Microsoft's own.
    """
    page = (ROOT / "ci-steps/azure/README.md").read_text("utf-8")
    [text] = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "- task: " in text]
    recipe = yaml.safe_load(text)

    [step] = [one for one in recipe["steps"] if "task" in one]
    assert step["task"] == f"{MANIFEST['name']}@{MANIFEST['version']['Major']}"
    assert set(step["inputs"]) <= {one["name"] for one in MANIFEST["inputs"]}


def test_the_inputs_are_those_of_the_template() -> None:
    """The task takes what the steps template takes, with the same defaults."""
    template = {one["name"]: str(one["default"]) for one in TEMPLATE["parameters"]}

    assert {one["name"]: one["defaultValue"] for one in MANIFEST["inputs"]} == {
        name: default.lower() if default in ("True", "False") else default
        for name, default in template.items()
    }
    for one in MANIFEST["inputs"]:
        [parameter] = [found for found in TEMPLATE["parameters"] if found["name"] == one["name"]]
        assert list(one.get("options", [])) == parameter.get("values", [])


def test_a_typing_error_in_an_input(tmp_path: Path) -> None:
    """The agent passes inputs that the task does not have. One that is close to another sends nothing."""
    with serving() as server:
        for name, requests in (("enviroment", 0), ("another", 1)):
            (tmp_path / name).mkdir()
            given = {"webhookUrl": server.url, "webhookKey": KEY, name: "staging"}
            done = run(tmp_path / name, **given)
            assert ("GITDAILIES_ENVIROMENT" in done.stdout, len(server.requests)) == (not requests, requests)
