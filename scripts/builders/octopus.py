"""The Octopus step templates, built from templates.toml and the bodies."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.platforms.octopus import NAMES

from scripts import joiner
from scripts.platforms import Folder

# The body of a template whose script is the step itself.
_STEP = "report_deploy.py"


def texts(folder: Folder) -> Mapping[str, str]:
    """Return every template, and the step that is in them."""
    written = read(folder)
    step = joiner.step_of(folder.root, folder.module)
    found = {joiner.STEP.name: step}
    for template in written["template"]:
        # Octopus replaces references in a script before it runs. Nothing here may look like one.
        body = step
        if template["body"] != _STEP:
            body = _body(folder.text(template["body"]), step, written["parameter"])
        if "#{" in body:
            raise ValueError(f"{template['body']}: expected no number sign before a brace, got one")
        found[template["file"]] = (
            json.dumps(_template(written, template, body), indent=2, ensure_ascii=False) + "\n"
        )
    return found


def read(folder: Folder) -> dict[str, Any]:
    """Return the templates and their parameters, as templates.toml has them."""
    return tomllib.loads(folder.text("templates.toml"))


def variable(name: str) -> str:
    """Return the variable of an input."""
    return "GitDailies." + name.title().replace("-", "")


def _body(text: str, step: str, parameters: list[dict[str, Any]]) -> str:
    names = [*NAMES, *(variable(item["input"]) for item in parameters)]
    return text.replace("@NAMES@", " ".join(names)).replace("@STEP@\n", step)


def _template(written: dict[str, Any], template: dict[str, Any], body: str) -> dict[str, Any]:
    return {
        "Id": template["id"],
        "Name": template["name"],
        "Description": f"{written['description'].strip()}\n\n{template['needs']}",
        "ActionType": "Octopus.Script",
        "Version": template["version"],
        "CommunityActionTemplateId": None,
        "Packages": [],
        "Properties": {
            "Octopus.Action.Script.ScriptSource": "Inline",
            "Octopus.Action.Script.Syntax": template["syntax"],
            "Octopus.Action.Script.ScriptBody": body,
        },
        "Parameters": [_parameter(item) for item in written["parameter"]],
        "$Meta": {
            "ExportedAt": written["exported_at"],
            "OctopusVersion": written["octopus_version"],
            "Type": "ActionTemplate",
        },
        "LastModifiedBy": written["modified_by"],
        "Category": written["category"],
    }


def _parameter(item: dict[str, Any]) -> dict[str, Any]:
    display = {"Octopus.ControlType": item["control"]}
    if "options" in item:
        display["Octopus.SelectOptions"] = "\n".join(item["options"])
    return {
        "Id": item["id"],
        "Name": variable(item["input"]),
        "Label": item["label"],
        "HelpText": item["help"],
        "DefaultValue": item.get("default", ""),
        "DisplaySettings": display,
    }
