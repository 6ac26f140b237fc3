"""The packed orb: this packer makes one file for CircleCI from the source folder.

    pack(Path("circleci-orb/src"), {"scripts/step.txt": text}) -> text

The rules are those of `circleci orb pack`. `@orb.yml` is the root. A file of the four folders becomes
an entry under its name. A value `<<include(PATH)>>` becomes the text of that file. Each `<<` in it is
escaped, so that no script is read as a template. Source: CircleCI-Public/circleci-cli.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts import joiner
from scripts.builders.script import script_that_runs
from scripts.platforms import Folder
from scripts.releasing import published
from scripts.releasing.published import Published

_SCRIPT = "scripts/report_deploy.sh"
# An orb holds text and no files, so the step is in variables. A job's own variables never see them. Windows
# limits a variable to 32,767 characters.
_LONGEST_VARIABLE = 30_000
_FOLDERS = ("commands", "jobs", "executors", "examples")
_INCLUDE = re.compile(r"^\s*<<\s*include\(([^()]+)\)\s*>>\s*$")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def texts(folder: Folder) -> Mapping[str, str]:
    """Return the packed orb, which holds the step, its version, and its addresses if they are published."""
    step = joiner.step_of(folder.root, folder.module)
    # CircleCI would read what follows two of these as a template.
    pieces = _pieces(step.replace("<<", "\\<<"))
    held = {f"PARAM_STEP_{number}": text for number, text in enumerate(pieces, 1)}
    shown = " ".join(f'"${name}"' for name in held)
    run = f"step=$(printf '%s\\n' {shown})\nunset {' '.join(held)}\n"
    run += "# shellcheck disable=SC2086\nprintf '%s\\n' \"$step\" | $python -I -S -\n"
    orb = pack(
        folder.root / folder.path / "src",
        {_SCRIPT: script_that_runs(folder, run)},
        display=addresses(published.of(folder.root)),
        environment=held,
    )
    about = f"# GitDailies deploy, version {joiner.version(folder.root)}.\n"
    return {"orb.yml": about + orb, joiner.STEP.name: step}


def _pieces(text: str) -> Iterator[str]:
    """Cut *text* between lines."""
    piece: list[str] = []
    for line in text.splitlines():
        if sum(map(len, piece)) + len(piece) + len(line) > _LONGEST_VARIABLE:
            yield "\n".join(piece)
            piece = []
        piece.append(line)
    yield "\n".join(piece)


def addresses(names: Published) -> dict[str, str]:
    """Return the published addresses that the registry shows next to the orb."""
    found = {"home_url": names.project.home.docs, "source_url": names.home}
    return {name: address for name, address in found.items() if address and names.version}


def pack(
    source: Path,
    built: Mapping[str, str] | None = None,
    display: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return the packed orb.

    *built* holds texts of included files that are not in the folder, *display* the addresses to show,
    *environment* further variables of each command's steps.

    Raises ValueError if an included file is missing.
    """
    orb = yaml.safe_load((source / "@orb.yml").read_text("utf-8"))
    if display:
        orb["display"] = {**orb.get("display", {}), **display}
    for folder in _FOLDERS:
        parts = {
            file.stem: yaml.safe_load(file.read_text("utf-8"))
            for file in sorted((source / folder).glob("*.yml"))
        }
        if parts:
            orb[folder] = parts
    for command in orb.get("commands", {}).values() if environment else ():
        for step in command["steps"]:
            step["run"]["environment"].update(environment)
    return yaml.dump(
        _included(orb, source, built or {}), Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True
    )


def _included(value: Any, source: Path, built: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _included(item, source, built) for key, item in value.items()}
    if isinstance(value, list):
        return [_included(item, source, built) for item in value]
    found = _INCLUDE.match(value) if isinstance(value, str) else None
    if not found:
        return value
    path = found[1].strip()
    if path not in built and not (source / path).is_file():
        raise ValueError(f"{value.strip()}: expected a file below {source}, got none")
    text = built[path] if path in built else (source / path).read_text("utf-8")
    return text.replace("<<", "\\<<")
