"""The README of the Travis line: its examples, which are files of their own, and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.inputs import ABOUT
from scripts.sections import replace

_ROOM = Path("travis-ci")
_EXAMPLES = {"one": "example.travis.yml", "several": "example.several-providers.travis.yml"}


def texts(root: Path) -> Mapping[str, str]:
    """Return the README."""
    room = root / _ROOM
    readme = (room / "README.md").read_text("utf-8")
    for name, file in _EXAMPLES.items():
        readme = replace(readme, name, f"```yaml\n{(room / file).read_text('utf-8').strip()}\n```")
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, (default, meaning) in ABOUT.items():
        variable = "GITDAILIES_" + name.upper().replace("-", "_")
        rows.append(f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |")
    return {str(_ROOM / "README.md"): replace(readme, "inputs", "\n".join(rows))}
