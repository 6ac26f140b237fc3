"""The step as one Python file, for all platforms or for one of them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from gitdailies_core.ci.platforms import BY_MODULE, PLATFORMS
from gitdailies_core.ci.table import Platform

from scripts.joiner.join import join

# The committed step of all platforms.
STEP = Path("ci-steps/report_deploy.py")

_PACKAGE = "gitdailies_core.ci.platforms"
_VERSION = "gitdailies_core.ci.version"
_ENTRY = "gitdailies_core.ci.__main__"
# A step sends deploys alone.
_EVENTS = "gitdailies_core.events.events"


@cache
def step(root: Path) -> str:
    """Return the step of all platforms, which finds out where it runs."""
    return _joined(root, "Report a deploy to GitDailies from a CI job.", _choices(PLATFORMS), parts=True)


@cache
def step_of(root: Path, module: str) -> str:
    """Return the step of one platform, by its module's name. It does not look for a platform."""
    platform = BY_MODULE[module]
    return _joined(root, f"Report a deploy to GitDailies from {platform.title}.", _only(platform))


def version(root: Path) -> str:
    """Return the project's version."""
    read: str = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return read


def _joined(root: Path, head: str, choices: str, *, parts: bool = False) -> str:
    return join(
        _ENTRY,
        {"gitdailies_core": root / "core" / "gitdailies_core"},
        head=head,
        version=version(root),
        parts=parts,
        # The joined file has no modules to find, so the choices are written out.
        instead={
            _PACKAGE: choices,
            _VERSION: _constant(version(root)),
            _EVENTS: _deploys(root / "core" / Path(*_EVENTS.split(".")).with_suffix(".py")),
        },
    )


def _deploys(file: Path) -> str:
    """Return the module of the events with one entry in the table of kinds: a deploy, without its example."""
    text = file.read_text("utf-8")
    [table] = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "KINDS"
    ]
    dropped: set[int] = set()
    kept: dict[int, str] = {}
    for kind in getattr(table, "elts", ()):
        values = {word.arg: word.value for word in kind.keywords}
        if ast.unparse(values["word"]) == "DEPLOYED":
            kind = values["example"]
            kept[kind.lineno] = " " * 8 + "example={},\n"
        dropped |= set(range(kind.lineno, (kind.end_lineno or 0) + 1))
    if not kept or not dropped - set(kept):
        raise ValueError(f"{file.name}: expected a deploy and other kinds in KINDS, got something else")
    lines = enumerate(text.splitlines(keepends=True), 1)
    return "".join(kept.get(row, "" if row in dropped else line) for row, line in lines)


def _constant(version: str) -> str:
    about = "The version of this file, which the receiver gets with each deploy."
    return f'"""{about}"""\n\nVERSION = "{version}"\n'


def _only(platform: Platform) -> str:
    """Return the module of the choices for a file of one platform."""
    module, name = _place(platform)
    return f'''"""The platform of this file."""

from {module} import {name}
from gitdailies_core.ci.table import Choice

CHOICES: tuple[Choice, ...] = (
    Choice({name}.marker, {name}.step.lends, lambda: {name}),
)
'''


def _choices(platforms: Sequence[Platform]) -> str:
    """Return the module of the choices for a file of several platforms, each imported when it is chosen."""
    lines = ['"""The platforms of this file, in the order that they are tried in."""', ""]
    lines += ["from gitdailies_core.ci.table import Choice, Platform"]
    rows = []
    for platform in platforms:
        module, name = _place(platform)
        function = module.rpartition(".")[2]
        lines += ["", "", f"def {function}() -> Platform:"]
        lines += [f"    from {module} import {name}", "", f"    return {name}"]
        rows.append(f'    Choice("{platform.marker}", "{platform.step.lends}", {function}),')
    return "\n".join([*lines, "", "", "CHOICES: tuple[Choice, ...] = (", *rows, ")", ""])


def _place(platform: Platform) -> tuple[str, str]:
    """Return the module that defines *platform*, and its name there."""
    [module] = [f"{_PACKAGE}.{module}" for module, one in BY_MODULE.items() if one is platform]
    return module, next(name for name, value in vars(import_module(module)).items() if value is platform)
