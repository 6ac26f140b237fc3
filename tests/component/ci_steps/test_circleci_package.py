"""The orb as it ships: packed, against the vendor's schema and the review checks that work offline."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

from scripts import joiner
from scripts.builders.orb import addresses, pack
from scripts.releasing import project, uses
from scripts.releasing.published import Published
from tests.support.circleci_orb import COMMAND, FILE, JOB, ORB, ROOM
from tests.support.published_python import programs
from tests.support.steps import ROOT, fits_schema, tool

SOURCE = ROOM / "src"
COMPONENTS = {
    file: yaml.safe_load(file.read_text("utf-8"))
    for folder in ("commands", "jobs", "executors", "examples")
    for file in sorted((SOURCE / folder).glob("*.yml"))
}
REUSABLE = {file: item for file, item in COMPONENTS.items() if file.parent.name != "examples"}
EXAMPLES = {file: item for file, item in COMPONENTS.items() if file.parent.name == "examples"}
RUNS = [
    (file.name, step["run"])
    for file, item in REUSABLE.items()
    for step in item["steps"]
    if isinstance(step, dict) and "run" in step
]
OF_THE_JOB = {"checkout", "image"}
INPUTS = {name.replace("-", "_") for name in (*DEPLOY_INPUTS, *STEP_INPUTS)}
NAMES = '[home]\nrepository = "github.com/larkspur/integrations"\n[registries]\norb = "larkspur/gitdailies"'
PUBLISHED = Published(project.read(NAMES), "2.3.4")
# Of Windows: SetEnvironmentVariable in Microsoft's reference.
LONGEST_VARIABLE = 32_767
PIECES = {
    name: text
    for name, text in COMMAND["steps"][0]["run"]["environment"].items()
    if name.startswith("PARAM_STEP_")
}
# Pipeline values that CircleCI Server lacks: of the checkout, and of the Deploys page.
OF_THE_CLOUD = {
    *("pipeline_repo_owner", "pipeline_repo_name"),
    *("pipeline_deploy_target_version", "pipeline_deploy_current_version", "pipeline_deploy_reason"),
    *("pipeline_deploy_environment_name", "pipeline_deploy_component_name"),
}


def test_schema() -> None:
    """The packed orb is valid by CircleCI's schema."""
    fits_schema("vendor.circle-ci", FILE)


def test_the_packed_orb_has_the_scripts_unchanged() -> None:
    """The step is in the packed orb whole, and CircleCI would read nothing in it as a template."""
    run = COMMAND["steps"][0]["run"]

    assert not re.search(r"(?<!\\)<<", run["command"] + "".join(PIECES.values()))
    assert programs(FILE) == [joiner.step_of(ROOT, "circleci")]
    shown = " ".join(f'"${name}"' for name in PIECES)
    assert f"step=$(printf '%s\\n' {shown})\n" in run["command"]


def packed(folder: Path, command: str) -> Any:
    """Pack an orb with one command, beside a script; return the packed command."""
    texts = {"@orb.yml": "version: 2.1\n", "commands/a.yml": command, "scripts/a.sh": "cat <<END\nEND\n"}
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return yaml.safe_load(pack(folder))["commands"]["a"]


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    """An include of a missing file is refused, and the message names the file."""
    with pytest.raises(ValueError, match=r"include\(scripts/no\.sh\).*: expected a file below"):
        packed(tmp_path, "steps: [{run: {command: <<include(scripts/no.sh)>>}}]\n")


def test_packing_escapes_templates(tmp_path: Path) -> None:
    """`<<` in a script is escaped, parameters of the YAML around it are not."""
    found = packed(tmp_path, "x: << parameters.x >>\ny: <<include(scripts/a.sh)>>\n")

    assert found == {"x": "<< parameters.x >>", "y": "cat \\<<END\nEND\n"}


def test_the_step_fits_into_variables() -> None:
    """Each piece of Python that the orb carries is below the longest text of a variable, on Windows, too."""
    assert len(PIECES) > 1
    assert max(map(len, PIECES.values())) < LONGEST_VARIABLE


def test_declared_parameters_are_used_parameters() -> None:
    """The command declares and passes on, the step reads and the job hands over the same names."""
    environment = COMMAND["steps"][0]["run"]["environment"]
    passed = {
        name: text for name, text in environment.items() if name.startswith("PARAM_") and name not in PIECES
    }

    assert set(COMMAND["parameters"]) == INPUTS | OF_THE_CLOUD | {"shell"}
    assert COMMAND["steps"][0]["run"]["shell"] == "<< parameters.shell >>"
    assert passed == {f"PARAM_{name.upper()}": f"<< parameters.{name} >>" for name in INPUTS}
    passed_on = INPUTS | OF_THE_CLOUD
    assert JOB["steps"][-1]["report_deploy"] == {name: f"<< parameters.{name} >>" for name in passed_on}
    assert set(JOB["parameters"]) == passed_on | OF_THE_JOB
    assert {name: JOB["parameters"][name] for name in passed_on} == {
        name: COMMAND["parameters"][name] for name in passed_on
    }
    for name in OF_THE_JOB:
        assert f"<< parameters.{name} >>" in yaml.safe_dump({**JOB, "parameters": None}, width=1000)


def test_pipeline_values_are_those_that_core_reads() -> None:
    """Every PIPELINE_* that core's table reads is passed, and no other."""
    text = (ROOT / "core/gitdailies_core/ci/platforms/circleci.py").read_text("utf-8")
    read = set(re.findall(r'"PIPELINE_(ID|(?:GIT|DEPLOY)_[A-Z_]+)"', text))
    environment = COMMAND["steps"][0]["run"]["environment"]

    values = {f"<< parameters.{name} >>": COMMAND["parameters"][name]["default"] for name in OF_THE_CLOUD}

    assert {
        name: values.get(text, text) for name, text in environment.items() if name.startswith("PIPELINE_")
    } == {f"PIPELINE_{name}": f"<< pipeline.{of_pipeline(name)} >>" for name in read}


def of_pipeline(name: str) -> str:
    """Return the pipeline value that a variable has."""
    return re.sub("^(git|deploy)_", r"\1.", name.lower())


def test_shellcheck(tmp_path: Path) -> None:
    """shellcheck finds nothing in the command, as POSIX sh."""
    (tmp_path / "command.sh").write_text(COMMAND["steps"][0]["run"]["command"].replace("\\<<", "<<"))
    tool("shellcheck", "--shell=sh", str(tmp_path / "command.sh"))


@pytest.mark.parametrize(("file", "item"), EXAMPLES.items(), ids=[file.stem for file in EXAMPLES])
def test_example(file: Path, item: dict[str, Any], tmp_path: Path) -> None:
    """Each example is a valid configuration that sets only parameters that exist."""
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump(item["usage"]))
    fits_schema("vendor.circle-ci", config)

    usage = item["usage"]
    ours = [
        (step["gitdailies/report_deploy"], INPUTS)
        for one in usage["jobs"].values()
        for step in one["steps"]
        if isinstance(step, dict) and "gitdailies/report_deploy" in step
    ] + [
        (one["gitdailies/report_deploy"], INPUTS | OF_THE_JOB | {"context", "requires", "filters", "name"})
        for workflow in usage["workflows"].values()
        for one in workflow["jobs"]
        if isinstance(one, dict) and "gitdailies/report_deploy" in one
    ]
    assert ours
    for given, allowed in ours:
        assert set(given) <= allowed


# CircleCI's review checks, RC001 to RC012, as orb-tools' review.bats has them. RC006 and RC007 ask
# whether addresses answer, which needs a network.


def test_rc001_source() -> None:
    """A published orb names where its source is."""
    assert addresses(PUBLISHED)["source_url"] == "https://github.com/larkspur/integrations"


@pytest.mark.parametrize(("file", "item"), COMPONENTS.items(), ids=[file.stem for file in COMPONENTS])
def test_rc002_descriptions(file: Path, item: dict[str, Any]) -> None:
    """Every component has a description, and so has every parameter."""
    described = [item, *item.get("parameters", {}).values()]
    assert all(one.get("description", "").strip() for one in described)


def test_rc003_to_rc005_texts() -> None:
    """There is an example, none is named after being one, and the orb's description is long enough."""
    assert len(EXAMPLES) >= 1
    assert not [file.name for file in EXAMPLES if "example" in file.name]
    assert len(ORB["description"]) >= 64


def test_rc008_rc009_runs() -> None:
    """Every run step has a name, and includes its command where that is longer than 64 characters."""
    assert RUNS
    for name, run in RUNS:
        assert isinstance(run, dict), name
        assert run["name"].strip(), name
        assert len(run["command"]) <= 64 or re.match(r"<<\s*include\(", run["command"]), name


def test_rc010_snake_case() -> None:
    """Names of components and of parameters are written in snake_case."""
    names = [file.stem for file in REUSABLE] + [n for item in REUSABLE.values() for n in item["parameters"]]
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


def test_rc011_current_version() -> None:
    """Examples of a published orb show the version that they ship with."""
    for file in EXAMPLES:
        usage = yaml.safe_load(uses.named("circleci", file.read_text("utf-8"), PUBLISHED))["usage"]
        assert usage["orbs"] == {"gitdailies": "larkspur/gitdailies@2.3.4"}


def test_rc012_no_variable_as_a_default() -> None:
    """No parameter's default refers to a variable, which would reach a script unfilled."""
    defaults = [p["default"] for item in REUSABLE.values() for p in item["parameters"].values()]
    assert [default for default in defaults if "$" in str(default)] == []
