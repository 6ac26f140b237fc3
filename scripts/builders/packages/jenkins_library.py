"""A shared library for Jenkins: the step `gitdailiesDeploy`, and the scripts that it writes to the agent."""

from collections.abc import Mapping

from gitdailies_core.ci.reporting.settings import INPUTS

from scripts.builders.script import FOR_WINDOWS, SCRIPT, for_windows, script_of
from scripts.platforms import Folder

_STEP = "vars/gitdailiesDeploy.groovy"
_RESOURCES = "resources/gitdailies"
# The key is a credential, and never an argument.
_NO_ARGUMENT = "webhook-key"


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the files of the library, below `library/`."""
    arguments = ", ".join(f"'{argument(name)}'" for name in INPUTS if name != _NO_ARGUMENT)
    return {
        f"library/{_STEP}": folder.text(_STEP).replace("@ARGUMENTS@", arguments),
        f"library/{_RESOURCES}/{SCRIPT}": script_of(folder),
        f"library/{_RESOURCES}/{FOR_WINDOWS}": for_windows(folder),
    }


def argument(name: str) -> str:
    """Return what the step calls an input: `failOnError` for `fail-on-error`."""
    return name[0] + name.title().replace("-", "")[1:]
