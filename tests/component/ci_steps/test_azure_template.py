"""The template, filled in as Azure fills in its expressions, against the schema and in bash."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

from tests.support.programs import ran
from tests.support.servers import answer, serving
from tests.support.shell_scripts import KEY, ROOT, case_of, programs
from tests.support.steps import DoraServer, fits_schema, published

ROOM = ROOT / "ci-steps" / "azure"
README = (ROOM / "README.md").read_text("utf-8")
BUILT = (published("azure") / "report-deploy.yml").read_text("utf-8")
TEMPLATE: dict[str, Any] = yaml.load(BUILT, yaml.CSafeLoader)
PARAMETERS: dict[str, str] = {one["name"]: str(one["default"]) for one in TEMPLATE["parameters"]}
STEP: dict[str, Any] = TEMPLATE["steps"][0]
# The task has tests of its own.
RECIPES = [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "- task: " not in text]
SECRETS = {"GITDAILIES_WEBHOOK_KEY", "KEY_OF_LARKSPUR"}


def expanded(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the step with its `${{ }}` put in, as Azure does before a run."""
    assert set(given) <= set(PARAMETERS)
    values = {**PARAMETERS, **given}

    def put_in(found: re.Match[str]) -> str:
        if found[2]:
            return str(values[found[3]].lower() != "true").lower()
        return values[found[3]]

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fill(one) for name, one in value.items()}
        return re.sub(r"\$\{\{ (?:((not)\()?)parameters\.(\w+)\)? \}\}", put_in, str(value))

    step = fill({name: value for name, value in STEP.items() if name != "bash"})
    assert "${{" not in json.dumps(step)
    return {**step, "bash": STEP["bash"]}


def run(folder: Path, given: Mapping[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the step as an agent does: `$(NAME)` put in where there is such a variable, secrets by `env`."""
    step = expanded(given)
    macro = re.compile(r"\$\(([\w.]+)\)")

    def put_in(text: str) -> str:
        return macro.sub(lambda found: variables.get(found[1], found[0]), text)

    (folder / "script.sh").write_text(put_in(step["bash"]))
    environ = {
        "PATH": programs(folder, sys.executable),
        "HOME": str(folder),
        **case_of("azure")["environ"],
        **{name: value for name, value in variables.items() if name not in SECRETS},
        **{name: put_in(value) for name, value in step["env"].items()},
    }
    return ran(["/bin/bash", "--noprofile", "--norc", folder / "script.sh"], folder, environ)


def test_it_arrives_at_the_dora_server(incoming: DoraServer, tmp_path: Path) -> None:
    """With address and key as the pipeline's variables, a deploy arrives with the parameters given."""
    given = {"environment": "production", "service": "checkout", "type": "rollback"}
    done = run(tmp_path, given, GITDAILIES_WEBHOOK_URL=incoming.url, GITDAILIES_WEBHOOK_KEY=incoming.key)

    [event] = incoming.events
    assert (done.returncode, done.stderr) == (0, "")
    assert [event[name] for name in ("repo", "branch", *given)] == [
        "larkspur/checkout-api",
        "feature/tools",
        *given.values(),
    ]
    assert incoming.key not in done.stdout


def test_another_secret(tmp_path: Path) -> None:
    """The key may be another secret, passed as its reference."""
    with serving() as server:
        given = {"webhookKey": "$(KEY_OF_LARKSPUR)"}
        run(tmp_path, given, GITDAILIES_WEBHOOK_URL=server.url, KEY_OF_LARKSPUR=KEY)

    [request] = server.requests
    assert request.headers["webhook-key"] == KEY


def test_no_variables(tmp_path: Path) -> None:
    """If neither variable exists, the warning says what to set, and the literal reference is not sent."""
    with serving() as server:
        done = run(tmp_path, {"webhookUrl": server.url})

    assert (done.returncode, server.requests) == (0, [])
    assert done.stdout.startswith("##vso[task.logissue type=warning]GitDailies: WARNING: ")
    assert "set GITDAILIES_WEBHOOK_KEY as a secret variable" in done.stdout


def test_no_command_of_others(tmp_path: Path) -> None:
    """A receiver's text is never a command to the agent."""
    refusal = b'{"detail": "##vso[task.setvariable variable=x]y"}'
    with serving(answer("422 Unprocessable Content", refusal)) as server:
        done = run(tmp_path, {}, GITDAILIES_WEBHOOK_URL=server.url, GITDAILIES_WEBHOOK_KEY=KEY)

    assert "task.setvariable" in done.stdout
    assert re.findall(r"##vso\[[\w.]+", done.stdout) == ["##vso[task.logissue"]


@pytest.mark.parametrize("strict", ["false", "true"])
def test_schema(strict: str, tmp_path: Path) -> None:
    """The template with its step is valid by the schema of Azure Pipelines."""
    check({**TEMPLATE, "steps": [expanded({"failOnError": strict})]}, tmp_path)


@pytest.mark.parametrize("text", RECIPES)
def test_recipe(text: str, tmp_path: Path) -> None:
    """Each recipe of the page is valid by the schema and sets existing parameters."""
    recipe = yaml.safe_load(text)
    check(recipe, tmp_path)
    given = re.findall(r"template: (?:gitdailies/)?report-deploy\.yml", text)

    assert len(given) == 1
    assert parameters(recipe) <= set(PARAMETERS)


def parameters(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = set(value.get("parameters", ())) if "template" in value else set()
        return own.union(*map(parameters, value.values()))
    return set().union(*map(parameters, value)) if isinstance(value, list) else set()


def check(document: Any, folder: Path) -> None:
    # Azure reads every scalar as text, and so does the schema.
    texts = yaml.load(yaml.dump(document, Dumper=yaml.CDumper), yaml.CBaseLoader)
    # JSON takes a tenth of the time to read.
    (folder / "azure-pipelines.json").write_text(json.dumps(texts))
    # The schema's patterns are ECMA's; those of deployment jobs need Python's way.
    options = ["--regex-variant", "python"]
    fits_schema("vendor.azure-pipelines", folder / "azure-pipelines.json", options=options)


def test_the_check_can_fail(tmp_path: Path) -> None:
    """The schema refuses a step with a misspelled key."""
    with pytest.raises(AssertionError):
        check({**TEMPLATE, "steps": [{**expanded({}), "conditions": "x"}]}, tmp_path)


def test_declared_parameters_are_used_parameters() -> None:
    """The template declares, its step passes on and the script reads the same names."""
    # Azure makes no ID token that names the repository.
    names = [name for name in (*DEPLOY_INPUTS, *STEP_INPUTS) if name != "auth"]
    declared = {re.sub(r"-(\w)", lambda found: found[1].upper(), name): name for name in names}

    assert set(PARAMETERS) == set(declared)
    assert STEP["env"] == {
        "GITDAILIES_" + name.upper().replace("-", "_"): f"${{{{ parameters.{parameter} }}}}"
        for parameter, name in declared.items()
    }


def test_one_step_into_which_nothing_is_pasted() -> None:
    """The one step runs only after others succeeded, without an expression or a reference to fill in."""
    assert [step["condition"] for step in TEMPLATE["steps"]] == ["succeeded()"]
    assert "${{" not in STEP["bash"]
    assert re.findall(r"\$\(\w[\w.-]*\)", STEP["bash"]) == []
