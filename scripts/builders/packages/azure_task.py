"""A task for Azure Pipelines, with the parameters of the steps template. `tfx` uploads the folder."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from scripts import joiner
from scripts.builders.script import FOR_WINDOWS, SCRIPT, for_windows, script_of
from scripts.platforms import Folder


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the files of the task, below `task/`."""
    task = json.loads(folder.text("task/task.in.json"))
    parameters = yaml.safe_load(folder.text("template.in.yml"))["parameters"]
    version = joiner.version(folder.root).split(".")
    task["version"] = dict(zip(("Major", "Minor", "Patch"), map(int, version), strict=True))
    task["inputs"] = [_input(parameter) for parameter in parameters]
    return {
        "task/task.json": json.dumps(task, indent=2) + "\n",
        "task/index.js": folder.text("task/index.js"),
        f"task/{SCRIPT}": script_of(folder),
        f"task/{FOR_WINDOWS}": for_windows(folder),
    }


def _input(parameter: Mapping[str, Any]) -> dict[str, Any]:
    default, values = parameter["default"], [value for value in parameter.get("values", ()) if value]
    boolean = parameter["type"] == "boolean"
    found = {
        "name": parameter["name"],
        "type": "boolean" if boolean else "pickList" if values else "string",
        "label": _label(parameter["name"]),
        "helpMarkDown": parameter["displayName"],
        "required": False,
        "defaultValue": str(default).lower() if boolean else default,
    }
    if values:
        found["options"] = {"": "by default", **{value: value for value in values}}
    return found


def _label(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[0].upper() + words[1:]
