"""A pipe for Bitbucket: the step in an image of its own, which a team builds and publishes."""

from collections.abc import Mapping

from scripts import joiner
from scripts.builders.launchers.inputs import ABOUT, DEFAULTS
from scripts.builders.script import SCRIPT, script_of
from scripts.platforms import Folder
from scripts.releasing import published

_UNNAMED = "docker.example.com/larkspur/gitdailies-pipe"


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the files of the pipe, below `pipe/`."""
    version = joiner.version(folder.root)
    image = published.of(folder.root).project.registries.image
    named = f"{image}-pipe" if image else _UNNAMED
    head = folder.text("pipe/pipe.in.yml").replace("@IMAGE@", f"{named}:{version}")
    return {
        "pipe/pipe.yml": head.replace("@VARIABLES@\n", _variables()),
        f"pipe/{SCRIPT}": script_of(folder),
        "pipe/Dockerfile": folder.text("pipe/Dockerfile"),
    }


def _variables() -> str:
    lines = []
    for name in ABOUT:
        variable = "GITDAILIES_" + name.upper().replace("-", "_")
        # These two are variables of the repository or the workspace. A pipe gets only what it names.
        shown = f"${variable}" if name in ("webhook-url", "webhook-key") else DEFAULTS.get(name, "")
        lines += [f"  - name: {variable}", f'    default: "{shown}"']
    return "".join(f"{line}\n" for line in lines)
