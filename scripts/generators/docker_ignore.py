"""Limit the image's build to the packages that `pyproject.toml` names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

_HEAD = """\
# The packages of pyproject.toml and nothing else; `python scripts/generate.py` writes this file.
*
!pyproject.toml
!README.md
!LICENSE
"""


def texts(root: Path) -> Mapping[str, str]:
    """Return the file that leaves everything but the packages out of the build."""
    read = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    packages = read["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    lines = "".join(f"!{package}\n" for package in packages)
    return {"deployment/Dockerfile.dockerignore": f"{_HEAD}{lines}**/__pycache__\n"}
