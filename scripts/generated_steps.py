"""The one-file steps, one a platform, each beside the manifest that runs it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from scripts.join import join

# Where the file of a room stands, and what its first line says.
STEPS = {
    "github-action/report_deploy.py": "Report a deploy to GitDailies from GitHub Actions.",
    "circleci-orb/src/scripts/report_deploy.py": "Report a deploy to GitDailies from CircleCI.",
    "octopus-step/report_deploy.py": "Report a deploy to GitDailies from Octopus Deploy.",
}


def texts(root: Path) -> Mapping[str, str]:
    """Return every step."""
    return {path: text(root, path) for path in STEPS}


def text(root: Path, path: str) -> str:
    """Return one step, by its path, for those who build it into something else."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return join(root / path.partition("/")[0], head=STEPS[path], version=version)
