"""The one-file steps, one a platform, each beside the manifest that runs it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from scripts.join import join

# Where the file of a room stands, and what its first line says.
STEPS = {
    "github-action/report_deploy.py": "Report a deploy to GitDailies from GitHub Actions.",
}


def texts(root: Path) -> Mapping[str, str]:
    """Return every step."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return {path: join(root / path.split("/")[0], head=head, version=version) for path, head in STEPS.items()}
