"""The GitHub Action as a folder of its own, with the step and its launcher beside `action.yml`."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.generators.step import LAUNCHER
from scripts.joiner import one_file
from scripts.platforms import Folder

_IN_THE_REPOSITORY = f"/../{LAUNCHER.as_posix()}"


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the Action, and the two files that it runs."""
    action = folder.text("action.yml")
    if action.count(_IN_THE_REPOSITORY) != 1:
        raise ValueError(f"{folder.path}/action.yml: expected {_IN_THE_REPOSITORY} once")
    return {
        "action.yml": action.replace(_IN_THE_REPOSITORY, f"/{LAUNCHER.name}"),
        LAUNCHER.name: (folder.root / LAUNCHER).read_text("utf-8"),
        one_file.STEP.name: (folder.root / one_file.STEP).read_text("utf-8"),
    }
