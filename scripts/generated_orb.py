"""The packed CircleCI orb, and the table of parameters in its README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from scripts import generated_steps
from scripts.orb import pack
from scripts.sections import replace

_ROOM = Path("circleci-orb")
_STEP = "scripts/report_deploy.py"


def texts(root: Path) -> Mapping[str, str]:
    """Return the packed orb and the README."""
    source = root / _ROOM / "src"
    command = yaml.safe_load((source / "commands/report_deploy.yml").read_text("utf-8"))
    rows = ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    for name, item in command["parameters"].items():
        default = "" if item["default"] == "" else f"`{str(item['default']).replace('False', 'false')}`"
        rows.append(f"| `{name}` | {item['type']} | {default} | {item['description']} |")
    readme = (root / _ROOM / "README.md").read_text("utf-8")
    step = generated_steps.text(root, str(_ROOM / "src" / _STEP))
    return {
        str(_ROOM / "orb.yml"): pack(source, {_STEP: step}),
        str(_ROOM / "README.md"): replace(readme, "parameters", "\n".join(rows)),
    }
