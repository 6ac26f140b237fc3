"""The folders of the CI platforms. Each module of core's `ci/platforms` has one, with a `step.toml`.

    ci-steps/jenkins/step.toml        for core/gitdailies_core/ci/platforms/jenkins.py
    github-action/step.toml           names its module, `module = "github_actions"`

Keys of `step.toml`:

    module    the module in core, else the folder's name
    name      how the README calls the step, such as "GitHub Action"; else the platform's title
    use       what a user adds to a pipeline
    untested  what no test here can run, besides the platform itself
    form      the module of `scripts/builders` that builds it; default: "script", one shell script
    with      files of the folder that are published with the script
    manifest  of a script: a file that holds `@SCRIPT@`, and the published one that holds the script
    file      of a script: whether the script is also published as a file; default: true
    launcher  of a script: how it ends if there is no Python; see `scripts/builders/script.py`
    packages  modules of `scripts/builders/packages`, which build what the platform takes as a package
    fallback  of a script: what it reads if there is no Python; see `scripts/builders/launchers/variables.py`
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.ci.reporting.platform import Platform

_MODULES = Path("core/gitdailies_core/ci/platforms")


@dataclass(frozen=True)
class Folder:
    """A platform's folder below *root*: its path, its module's name, and the keys of its `step.toml`."""

    root: Path
    path: str
    module: str
    platform: Platform
    use: str
    untested: str
    name: str = ""
    form: str = "script"
    with_: tuple[str, ...] = ()
    manifest: tuple[str, str] | None = None
    file: bool = True
    launcher: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return the text of one of its files."""
        return (self.root / self.path / name).read_text("utf-8")


def folders(root: Path) -> tuple[Folder, ...]:
    """Return every platform's folder, sorted by title.

    Raises ValueError for a module without a folder, for a folder without a module, and for a missing
    or unknown key. It names what to add.
    """
    files = sorted([*root.glob("*/step.toml"), *root.glob("ci-steps/*/step.toml")])
    found = [_read(root, file) for file in files]
    for module in BY_MODULE:
        if [folder.module for folder in found].count(module) != 1:
            raise ValueError(
                f"{_MODULES}/{module}.py: expected one folder for it, as ci-steps/{module}, with a step.toml"
            )
    return tuple(sorted(found, key=lambda folder: folder.platform.title))


def folder_of(root: Path, module: str) -> Folder:
    """Return the folder of a platform, by its module's name."""
    return next(folder for folder in folders(root) if folder.module == module)


def _read(root: Path, file: Path) -> Folder:
    path = file.parent.relative_to(root).as_posix()
    read = tomllib.loads(file.read_text("utf-8"))
    module = read.pop("module", file.parent.name)
    if module not in BY_MODULE:
        raise ValueError(f"{path}/step.toml: expected {_MODULES}/{module}.py, got no such file")
    if "with" in read:
        read["with_"] = tuple(read.pop("with"))
    for key in ("manifest", "packages"):
        if key in read:
            read[key] = tuple(read[key])
    platform = BY_MODULE[module]
    read.setdefault("name", platform.title)
    keys = {one.name for one in fields(Folder)} - {"root", "path", "module", "platform"}
    missing = [name for name in ("use", "untested") if name not in read]
    unknown = [name for name in read if name not in keys]
    if missing or unknown:
        wrong = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}"
        raise ValueError(f"{path}/step.toml: {wrong}; the docstring of scripts/platforms.py has the keys")
    return Folder(root, path, module, platform, **read)
