"""The Octopus step templates, built from templates.toml and the bodies, and the README's table."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitdailies_core.ci.octopus import NAMES

from scripts import generated_steps
from scripts.sections import replace

_ROOM = Path("octopus-step")
_STEP = str(_ROOM / "report_deploy.py")


def texts(root: Path) -> Mapping[str, str]:
    """Return every template, and the README with their parameters."""
    room = root / _ROOM
    written = tomllib.loads((room / "templates.toml").read_text("utf-8"))
    step = generated_steps.text(root, _STEP)
    found = {}
    for template in written["template"]:
        # Octopus fills in references in a script before it runs: nothing here may look like one.
        body = step
        if template["body"] != Path(_STEP).name:
            body = _body((room / template["body"]).read_text("utf-8"), step, written["parameter"])
        if "#{" in body:
            raise ValueError(f"{template['body']}: expected no number sign before a brace, got one")
        found[str(_ROOM / "step-templates" / template["file"])] = (
            json.dumps(_template(written, template, body), indent=2, ensure_ascii=False) + "\n"
        )
    readme = (room / "README.md").read_text("utf-8")
    return {**found, str(_ROOM / "README.md"): replace(readme, "parameters", _table(written["parameter"]))}


def _body(text: str, step: str, parameters: list[dict[str, Any]]) -> str:
    names = [*NAMES, *(_variable(item["input"]) for item in parameters)]
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
        "Name": _variable(item["input"]),
        "Label": item["label"],
        "HelpText": item["help"],
        "DefaultValue": item.get("default", ""),
        "DisplaySettings": display,
    }


def _variable(name: str) -> str:
    return "GitDailies." + name.title().replace("-", "")


def _table(parameters: list[dict[str, Any]]) -> str:
    rows = ["| parameter | variable | default | meaning |", "|---|---|---|---|"]
    for item in parameters:
        default = f"`{item['default']}`" if item.get("default") else ""
        rows.append(f"| {item['label']} | `{_variable(item['input'])}` | {default} | {item['help']} |")
    return "\n".join(rows)
