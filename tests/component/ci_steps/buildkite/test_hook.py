"""The plugin: its hook under bats with a real DORA server, its manifest against the linter's rules."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

from tests.support.programs import ran
from tests.support.servers import answer, serving
from tests.support.shell_scripts import ROOT, TOOLS, tool
from tests.support.steps import SHELLS, DoraServer, case, fits_schema, published
from tests.support.steps import tool as checker

ROOM = ROOT / "ci-steps" / "buildkite"
HERE = Path(__file__).parent
PLUGIN: dict[str, Any] = yaml.safe_load((ROOM / "plugin.yml").read_text("utf-8"))
OPTIONS: dict[str, Any] = PLUGIN["configuration"]["properties"]
RECIPES = re.findall(r"```yaml\n(.*?)```", (ROOM / "README.md").read_text("utf-8"), re.DOTALL)
BATS = re.findall(r'@test "(.+)"', (HERE / "hook.bats").read_text("utf-8"))


@pytest.fixture(scope="module")
def tap(incoming: DoraServer) -> str:
    """Run every test of hook.bats, once."""
    # From PyPI, or from npm, which does not always link it into .bin.
    own = Path(sys.executable).with_name("bats")
    program = str(own) if own.exists() else tool("bats", TOOLS / "node_modules" / "bats" / "bin")
    with serving(answer("401 Unauthorized", b"{}")) as refusing:
        done = subprocess.run(
            [program, "--formatter", "tap", HERE / "hook.bats"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "TERM": "dumb",
                "PLUGIN": str(published("buildkite")),
                "URL": incoming.url,
                "KEY": incoming.key,
                "REFUSING_URL": refusing.url,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
    return done.stdout


@pytest.mark.parametrize("claim", BATS)
def test_hook(claim: str, tap: str) -> None:
    """Each test of hook.bats passes."""
    assert re.search(rf"^ok \d+ {re.escape(claim)}$", tap, re.MULTILINE), tap


def test_what_arrived(tap: str, incoming: DoraServer) -> None:
    """The DORA server has each reported deploy of all these runs exactly once."""
    found = sorted(
        (event["repo"], event.get("environment", ""), event.get("service", ""), event.get("type", ""))
        for event in incoming.events
    )
    api, web = "larkspur/checkout-api", "larkspur/checkout-web"

    assert found == sorted(
        [
            (api, "production", "", ""),  # reported
            (api, "production", "", ""),  # the same job again
            (api, "production", "", ""),  # nothing is left in the shell
            (api, "production", "checkout", "hotfix"),
            (web, "production", "checkout", "hotfix"),
            (api, "production", "ledger", ""),
            (api, "", "", ""),  # another name for the key
        ]
    ), tap


@pytest.mark.parametrize("plugin", [ROOM, published("buildkite")], ids=["in its repository", "built"])
def test_where_the_step_is(plugin: Path, tmp_path: Path) -> None:
    """In a checkout of its repository the hook runs the one step, and the built plugin its own."""
    environ = {**case("buildkite", "branch")["environ"], "GITDAILIES_DRY_RUN": "true"}
    command = [*SHELLS["bash"], "-c", '. "$PLUGIN/hooks/post-command"']
    done = ran(command, tmp_path, {"PATH": os.environ["PATH"], "PLUGIN": str(plugin), **environ})

    assert (done.returncode, done.stderr) == (0, "")
    assert "GitDailies: dry run, not sent: deploy of larkspur/checkout-api at 4f0c2d6\n" in done.stdout
    assert (plugin / "report_deploy.sh").exists() == (plugin != ROOM)


def test_manifest() -> None:
    """plugin.yml passes the plugin linter's rules, allows no other options, and has a valid schema."""
    jsonschema.validate(PLUGIN, json.loads((HERE / "plugin.schema.json").read_text("utf-8")))
    jsonschema.Draft7Validator.check_schema(PLUGIN["configuration"])

    assert PLUGIN["configuration"]["additionalProperties"] is False
    assert all(option["description"].endswith(".") for option in OPTIONS.values())


def plugins(text: str) -> list[dict[str, Any]]:
    return [
        options
        for step in yaml.safe_load(text)["steps"]
        for plugin in step["plugins"]
        for options in plugin.values()
    ]


@pytest.mark.parametrize("text", RECIPES)
def test_recipe(text: str, tmp_path: Path) -> None:
    """Each recipe of the page is what Buildkite's schema allows, with options that plugin.yml allows."""
    (tmp_path / "pipeline.yml").write_text(text)
    fits_schema("vendor.buildkite", tmp_path / "pipeline.yml")
    for options in plugins(text):
        jsonschema.validate(options, PLUGIN["configuration"])


def test_declared_options_are_used_options() -> None:
    """The options of plugin.yml are exactly the inputs of the step."""
    assert set(OPTIONS) == {*DEPLOY_INPUTS, *STEP_INPUTS} - {"webhook-key"} | {"webhook-key-env"}


def test_shellcheck() -> None:
    """shellcheck finds nothing in the hook, and the hook may be run."""
    hook = ROOM / "hooks" / "post-command"
    checker("shellcheck", str(hook))
    assert os.access(hook, os.X_OK)
    assert os.access(published("buildkite") / "hooks" / "post-command", os.X_OK)
