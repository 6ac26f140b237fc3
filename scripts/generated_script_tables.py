"""The tables of inputs and the checksums in the READMEs of the platforms that run a script of shell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.generated_scripts import texts as scripts
from scripts.inputs import ABOUT
from scripts.sections import replace

Row = tuple[str, Any, str]


def texts(root: Path) -> Mapping[str, str]:
    """Return the README of each room with its table as its manifest has it, and with fresh checksums."""
    made = scripts(root)
    found = {}
    for room, rows in ROOMS.items():
        readme = (root / room / "README.md").read_text("utf-8")
        readme = replace(readme, "inputs", _table(rows(root / room, made)))
        sums = [f"{_checksum(text)}  {path}" for path, text in made.items() if path.startswith(f"{room}/")]
        found[f"{room}/README.md"] = replace(readme, "checksums", "```text\n" + "\n".join(sums) + "\n```")
    return found


def _gitlab(folder: Path, made: Mapping[str, str]) -> Iterable[Row]:
    spec = next(yaml.safe_load_all(made[f"{folder.name}/templates/report-deploy.yml"]))["spec"]
    for name, item in spec["inputs"].items():
        yield name, item.get("default"), _sentence(item["description"], required="default" not in item)


def _buildkite(folder: Path, _: Mapping[str, str]) -> Iterable[Row]:
    plugin = yaml.safe_load((folder / "plugin.yml").read_text("utf-8"))
    for name, item in plugin["configuration"]["properties"].items():
        yield name, item.get("default", ""), item["description"]


def _azure(folder: Path, made: Mapping[str, str]) -> Iterable[Row]:
    for item in yaml.safe_load(made[f"{folder.name}/report-deploy.yml"])["parameters"]:
        yield item["name"], item["default"], item["displayName"]


def _variables(_: Path, __: Mapping[str, str]) -> Iterable[Row]:
    for name, (default, about) in ABOUT.items():
        yield "GITDAILIES_" + name.upper().replace("-", "_"), default, about


ROOMS: dict[str, Callable[[Path, Mapping[str, str]], Iterable[Row]]] = {
    "gitlab-component": _gitlab,
    "buildkite-plugin": _buildkite,
    "azure-pipelines": _azure,
    "bitbucket-pipelines": _variables,
    "jenkins": _variables,
}


def _sentence(text: str, *, required: bool) -> str:
    return f"**Required.** {text}" if required else text


def _table(rows: Iterable[Row]) -> str:
    lines = ["| name | default | meaning |", "|---|---|---|"]
    for name, default, about in rows:
        shown = (
            yaml.safe_dump(default, default_flow_style=True).strip() if isinstance(default, list) else default
        )
        if isinstance(shown, bool):
            shown = str(shown).lower()
        cell = f"`{shown}`" if shown not in ("", None) else ""
        lines.append(f"| `{name}` | {cell} | {about} |")
    return "\n".join(lines)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
