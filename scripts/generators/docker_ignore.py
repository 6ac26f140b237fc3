"""Limit the image's build to the packages that `pyproject.toml` names, and the documentation."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from gitdailies_dora.pages.frame.documentation import FILES

_HEAD = """\
# The packages of pyproject.toml and the documentation; `python scripts/generate.py` writes this file.
*
!pyproject.toml
!hatch_build.py
!LICENSE
"""


def texts(root: Path) -> Mapping[str, str]:
    """Return the file that leaves everything else out of the build."""
    read = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    packages = read["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    lines = "".join(f"!{each}\n" for each in (*packages, *FILES))
    return {"deployment/Dockerfile.dockerignore": f"{_HEAD}{lines}**/__pycache__\n"}
