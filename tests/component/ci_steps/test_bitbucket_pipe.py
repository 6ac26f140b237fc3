"""The pipe for Bitbucket: its manifest names every input, and its script runs with a pipe's variables."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from scripts.builders.launchers.inputs import ABOUT
from tests.support.programs import ran
from tests.support.servers import serving
from tests.support.shell_scripts import KEY, ROOT, case_of, programs
from tests.support.steps import published

PIPE = published("bitbucket") / "pipe"
MANIFEST: dict[str, Any] = yaml.safe_load((PIPE / "pipe.yml").read_text("utf-8"))
DEFAULTS = {one["name"]: one["default"] for one in MANIFEST["variables"]}


def test_the_pipe_reports(tmp_path: Path) -> None:
    """With nothing but the defaults, address and key come from the repository's variables."""
    repository, case = {"GITDAILIES_WEBHOOK_KEY": KEY}, case_of("bitbucket", "deployment_step")
    with serving() as server:
        repository["GITDAILIES_WEBHOOK_URL"] = server.url
        given = {
            name: re.sub(r"\$(\w+)", lambda found: repository[found[1]], default)
            for name, default in DEFAULTS.items()
        }
        environ = {
            "PATH": programs(tmp_path, sys.executable),
            "HOME": str(tmp_path),
            **case["environ"],
            **given,
        }
        done = ran(["/bin/sh", PIPE / "report_deploy.sh"], tmp_path, environ)

    [request] = server.requests
    [event] = case["expected"]["events"]
    assert json.loads(request.body) == event
    assert (done.returncode, done.stderr) == (0, "")
    assert KEY not in done.stdout


def test_every_input_is_a_variable() -> None:
    """The manifest has a variable for each input, and only the address and the key come from elsewhere."""
    assert list(DEFAULTS) == ["GITDAILIES_" + name.upper().replace("-", "_") for name in ABOUT]
    assert [name for name, default in DEFAULTS.items() if "$" in default] == [
        "GITDAILIES_WEBHOOK_URL",
        "GITDAILIES_WEBHOOK_KEY",
    ]


def test_the_page_names_variables_of_the_pipe() -> None:
    """The pipeline of the page sets variables that the pipe has, the address and the key among them."""
    page = (ROOT / "ci-steps/bitbucket/README.md").read_text("utf-8")
    [text] = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "- pipe: " in text]
    [step] = yaml.safe_load(text)["pipelines"]["branches"]["main"]
    [given] = [line["variables"] for line in step["step"]["script"] if isinstance(line, dict)]

    assert {"GITDAILIES_WEBHOOK_URL", "GITDAILIES_WEBHOOK_KEY"} <= set(given) <= set(DEFAULTS)


def test_the_image_starts_the_script() -> None:
    """The image holds the script of its folder, and starts it."""
    dockerfile = (PIPE / "Dockerfile").read_text("utf-8")

    assert "COPY report_deploy.sh /\n" in dockerfile
    assert 'ENTRYPOINT ["sh", "/report_deploy.sh"]\n' in dockerfile
    assert MANIFEST["image"].rpartition(":")[2].count(".") == 2
