"""The tables of inputs and outputs in the Action's README, from action.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from scripts.sections import replace

_ROOM = Path("github-action")


def texts(root: Path) -> Mapping[str, str]:
    """Return the README with its tables as action.yml has them."""
    action = yaml.safe_load((root / _ROOM / "action.yml").read_text("utf-8"))
    inputs = ["| input | default | meaning |", "|---|---|---|"]
    for name, item in action["inputs"].items():
        default = f"`{item['default']}`" if item["default"] else ""
        inputs.append(f"| `{name}` | {default} | {item['description']} |")
    outputs = ["| output | meaning |", "|---|---|"]
    outputs += [f"| `{name}` | {item['description']} |" for name, item in action["outputs"].items()]
    readme = (root / _ROOM / "README.md").read_text("utf-8")
    for name, lines in (("inputs", inputs), ("outputs", outputs)):
        readme = replace(readme, name, "\n".join(lines))
    return {str(_ROOM / "README.md"): readme}
