"""The GitHub Action as a folder of its own, with the step of GitHub Actions and its launcher."""

from collections.abc import Mapping

from scripts import joiner
from scripts.builders.script import launcher_for
from scripts.platforms import Folder

_LAUNCHER = "launch.sh"
_IN_THE_REPOSITORY = f"/../ci-steps/{_LAUNCHER}"


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the Action, and the two files that it runs."""
    action = folder.text("action.yml")
    if action.count(_IN_THE_REPOSITORY) != 1:
        raise ValueError(f"{folder.path}/action.yml: expected {_IN_THE_REPOSITORY} once")
    return {
        "action.yml": action.replace(_IN_THE_REPOSITORY, f"/{_LAUNCHER}"),
        _LAUNCHER: launcher_for(folder.root, [folder], joiner.STEP.name),
        joiner.STEP.name: joiner.step_of(folder.root, folder.module),
    }
