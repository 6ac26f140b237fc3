"""The README of the Travis line: its examples, which are files of their own, and its inputs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from scripts.sections import replace

_ROOM = Path("travis-ci")
_EXAMPLES = {"one": "example.travis.yml", "several": "example.several-providers.travis.yml"}


def texts(root: Path) -> Mapping[str, str]:
    """Return the README."""
    room = root / _ROOM
    readme = (room / "README.md").read_text("utf-8")
    for name, file in _EXAMPLES.items():
        readme = replace(readme, name, f"```yaml\n{(room / file).read_text('utf-8').strip()}\n```")
    inputs = tomllib.loads((room / "inputs.toml").read_text("utf-8"))
    rows = ["| variable | meaning |", "|---|---|"]
    rows += [f"| `GITDAILIES_{name.upper()}` | {meaning} |" for name, meaning in inputs.items()]
    return {str(_ROOM / "README.md"): replace(readme, "inputs", "\n".join(rows))}
