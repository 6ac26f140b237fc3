"""A stand-in for Octopus' agent: runs a template's body with the functions that the agent lends it."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.steps import ROOT, Ended, logged, published, shell

ROOM = ROOT / "ci-steps" / "octopus"
BUILT = published("octopus")
FILES = sorted(BUILT.glob("*.json"))
TEMPLATES: dict[str, dict[str, Any]] = {
    (read := json.loads(file.read_text("utf-8")))["Properties"]["Octopus.Action.Script.Syntax"]: read
    for file in FILES
}
DEFAULTS = {item["Name"]: item["DefaultValue"] for item in TEMPLATES["Python"]["Parameters"]}

# As the agent starts a script: its functions are globals, its last argument is a key of its own.
_PYTHON = """\
import json, runpy, sys
variables = json.load(open(sys.argv[1], encoding="utf-8"))
def get_octopusvariable(name):
    return variables[name] if STRICT else variables.get(name, "")
def set_octopusvariable(name, value, sensitive=False): raise AssertionError(name)
def failstep(message=None): raise AssertionError(message)
printverbose = printhighlight = printwarning = failstep
runpy.run_path(sys.argv[2], {name: globals()[name] for name in (
    "get_octopusvariable", "set_octopusvariable", "failstep",
    "printverbose", "printhighlight", "printwarning",
)}, "__main__")
"""
_BASH = """\
get_octopusvariable() {
  if [ -f "$VARIABLES/$1" ]; then cat "$VARIABLES/$1"; else @UNKNOWN@; fi
}
set_octopusvariable() { exit 99; }
fail_step() { exit 99; }
"""


def body(syntax: str) -> str:
    text: str = TEMPLATES[syntax]["Properties"]["Octopus.Action.Script.ScriptBody"]
    return text


def deploy(
    syntax: str,
    folder: Path,
    variables: Mapping[str, str],
    parameters: Mapping[str, str],
    *,
    old: bool = False,
    path: str | None = None,
) -> Ended:
    """Run a body. For a missing variable an *old* agent raises or prints words."""
    folder.mkdir(exist_ok=True)
    unknown = set(parameters) - set(DEFAULTS)
    assert not unknown, unknown
    every = {**variables, **DEFAULTS, **parameters}
    if syntax == "Bash":
        values = folder / "variables"
        values.mkdir()
        for name, value in every.items():
            (values / name).write_text(value, "utf-8")
        word = 'echo "Unrecognized variable \\"$1\\""' if old else "true"
        text = _BASH.replace("@UNKNOWN@", word) + body("Bash")
        return shell("bash", text, folder=folder, environ={"VARIABLES": str(values)}, path=path)
    (folder / "variables.json").write_text(json.dumps(every), "utf-8")
    (folder / "body.py").write_text(body("Python"), "utf-8")
    driver = _PYTHON.replace("STRICT", str(old))
    arguments = ("variables.json", "body.py", "00112233445566778899aabbccddeeff")
    return logged([sys.executable, "-c", driver, *arguments], folder, {"PATH": os.environ["PATH"]})
