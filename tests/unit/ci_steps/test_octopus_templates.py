"""The templates as files: the rules of Octopus' own library, in our words, and one contract for the three."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.platforms.octopus import NAMES
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

from scripts import joiner
from tests.support.octopus_agent import BUILT, FILES, ROOM, TEMPLATES, body
from tests.support.steps import ROOT, tool

# Of a template that people copy from.
SAMPLE_ID = "abcdef00-ab00-cd00-ef00-000000abcdef"
CONTROLS = {"SingleLineText", "MultiLineText", "Checkbox", "Sensitive", "Select"}
# A deployment has no ID token, and no checkout, so no paths in one. Each of its values has one place.
INPUTS = {*DEPLOY_INPUTS, *STEP_INPUTS} - {"path", "paths", "debug", "auth"}
PARAMETERS = {f"GitDailies.{name.title().replace('-', '')}" for name in INPUTS}

each = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_file(file: Path) -> None:
    """A template's file is UTF-8 without a mark at its beginning, and named in kebab-case."""
    assert not file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert re.fullmatch(r"[a-z0-9-]+\.json", file.name)
    json.loads(file.read_bytes().decode("utf-8"))


def test_nothing_else_in_the_folder() -> None:
    """The folder holds the three templates and the step that is in two of them."""
    assert sorted(BUILT.iterdir()) == sorted([*FILES, BUILT / "report_deploy.py"])
    assert set(TEMPLATES) == {"Bash", "PowerShell", "Python"}


@each
def test_the_library_rules(template: dict[str, Any]) -> None:
    """Names, ids, versions and the fields of an export pass the checks of the library."""
    assert 0 < len(template["Name"]) <= 200
    assert re.fullmatch(r"GitDailies - \w+( \w+)* - \w+", template["Name"])
    assert str(uuid.UUID(template["Id"])) == template["Id"]
    assert template["Id"] not in (SAMPLE_ID, str(uuid.UUID(int=0)))
    assert template["ActionType"] == "Octopus.Script"
    assert isinstance(template["Version"], int)
    assert template["Version"] >= 1
    assert template["LastModifiedBy"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", template["$Meta"]["ExportedAt"])
    assert template["$Meta"]["Type"] == "ActionTemplate"
    assert re.fullmatch(r"[a-z]+", template["Category"])
    assert template["Packages"] == []
    assert template["Properties"]["Octopus.Action.Script.ScriptSource"] == "Inline"


def test_ids_are_unique() -> None:
    """No two templates and no two parameters of one share an id or a name."""
    for field in ("Id", "Name"):
        assert len({template[field] for template in TEMPLATES.values()}) == len(TEMPLATES)
        for template in TEMPLATES.values():
            values = [item[field] for item in template["Parameters"]]
            assert len(set(values)) == len(values)


@each
def test_parameters(template: dict[str, Any]) -> None:
    """Every parameter has a namespace, a label, help, a known control, and a default that is no example."""
    for item in template["Parameters"]:
        assert re.fullmatch(r"GitDailies\.[A-Z][A-Za-z]+", item["Name"])
        assert item["Label"]
        assert item["HelpText"].endswith(".")
        assert item["DisplaySettings"]["Octopus.ControlType"] in CONTROLS
        assert item["DefaultValue"] in ("", "deploy", "10", "3", "False")
        is_choice = item["DisplaySettings"]["Octopus.ControlType"] == "Select"
        assert is_choice == ("Octopus.SelectOptions" in item["DisplaySettings"])
    sensitive = [
        item["Name"]
        for item in template["Parameters"]
        if item["DisplaySettings"]["Octopus.ControlType"] == "Sensitive"
    ]
    assert sensitive == ["GitDailies.WebhookKey"]


def test_one_contract() -> None:
    """The three declare the same parameters, which are the inputs that every step takes."""
    first, *others = (template["Parameters"] for template in TEMPLATES.values())
    assert [other == first for other in others] == [True, True]
    assert {item["Name"] for item in first} == PARAMETERS


def test_declared_parameters_are_used_parameters() -> None:
    """Each body asks for every parameter that is declared, and for no other."""
    [line] = re.findall(r"for name in (.+); do", body("Bash"))
    assert set(line.split()) == {*NAMES, *PARAMETERS}
    asked = re.findall(r"Get-(?:Setting|Flag|Number) '(\w+)'", body("PowerShell"))
    [listed] = re.findall(r"= ((?:'\w+', )+'\w+') \| ForEach-Object \{ , \(Get-Setting", body("PowerShell"))
    assert {f"GitDailies.{name}" for name in (*asked, *re.findall(r"\w+", listed))} == PARAMETERS
    assert set(re.findall(r"Get-Text '([\w.]+)'", body("PowerShell"))) == set(NAMES)
    assert body("Python") == joiner.step_of(ROOT, "octopus")


@each
def test_what_no_body_has(template: dict[str, Any]) -> None:
    """A placeholder that Octopus would replace, or its arguments: the last is the key to the secrets."""
    text = template["Properties"]["Octopus.Action.Script.ScriptBody"]
    assert "#{" not in text
    assert re.findall(r"sys\.argv|\$args\b|\$@|\$\*", text) == []


def test_shellcheck(tmp_path: Path) -> None:
    """shellcheck finds nothing in the Bash body, and the Python in it is the one that the others carry."""
    (tmp_path / "body.sh").write_text(f"#!/bin/bash\n{body('Bash')}")
    tool("shellcheck", str(tmp_path / "body.sh"))
    assert joiner.step_of(ROOT, "octopus") in body("Bash")


def test_the_readme_links_each_template() -> None:
    """The README names every template, its links lead to existing files, and its YAML can be read."""
    readme = (ROOM / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", readme)

    assert [file.name for file in FILES if f"| `{file.name}` |" not in readme] == []
    assert [link for link in links if not (ROOM / link).exists()] == []
    for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL):
        yaml.safe_load(block)
    assert (ROOM / "templates.toml").is_file()
