"""Build the published files: a folder for each CI platform, the one step file, the schemas, `SHA256SUMS`.

    python scripts/dist.py                       into dist/, which git ignores
    python scripts/dist.py --folder FOLDER       into FOLDER
    python scripts/dist.py jenkins travis        only these platforms, by their modules' names

The same sources give the same bytes. A platform's folder is emptied first.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # Python puts the folder of the script on the path, and not the root.
    sys.path.insert(0, str(ROOT))

from gitdailies_core.events.schema import event_schema  # noqa: E402
from gitdailies_dora.api.openapi import document  # noqa: E402

from scripts import joiner  # noqa: E402
from scripts.generators import editor_schema  # noqa: E402
from scripts.platforms import Folder, folders  # noqa: E402

SUMS = "SHA256SUMS"


# For tools that read them: the JSON Schemas of an event and of gitdailies.yml, and the OpenAPI document.
SCHEMAS: Mapping[str, Callable[[], Mapping[str, object]]] = {
    "event.schema.json": event_schema,
    "gitdailies.schema.json": lambda: editor_schema.written(ROOT),
    "openapi.json": document,
}
# A module `scripts/builders/FORM.py` has a function `texts(folder: Folder) -> Mapping[str, str]`.
FORMS = sorted(file.stem for file in (ROOT / "scripts" / "builders").glob("[!_]*.py"))


def texts(folder: Folder) -> dict[str, str]:
    """Return the published texts of a platform by their paths below `dist/`."""
    if folder.form not in FORMS:
        raise ValueError(f"{folder.path}/step.toml: expected form {', '.join(FORMS)}, got {folder.form}")
    texts_of: Callable[[Folder], Mapping[str, str]] = import_module(f"scripts.builders.{folder.form}").texts
    built = {**texts_of(folder), **{name: folder.text(name) for name in folder.with_}}
    for package in folder.packages:
        built.update(import_module(f"scripts.builders.packages.{package}").texts(folder))
    return {f"{folder.module}/{name}": text for name, text in sorted(built.items())}


def build(target: Path, modules: Iterable[str] = (), root: Path = ROOT) -> list[Path]:
    """Write the published files of the platforms *modules*, by default of all. Return the files.

    An executable source stays executable. Checksums are only written if all platforms are built.
    """
    wanted = set(modules)
    written: dict[str, str] = {}
    for folder in folders(root):
        if not wanted or folder.module in wanted:
            shutil.rmtree(target / folder.module, ignore_errors=True)
            found = texts(folder)
            for path, text in found.items():
                file, source = target / path, root / folder.path / path.partition("/")[2]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
                file.chmod(0o755 if source.is_file() and source.stat().st_mode & 0o100 else 0o644)
            written.update(found)
    if not wanted:
        written[joiner.STEP.name] = joiner.step(root)
        for name, schema in SCHEMAS.items():
            written[name] = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
        for name in (joiner.STEP.name, *SCHEMAS):
            (target / name).write_bytes(written[name].encode())
        sums = [
            f"{hashlib.sha256(text.encode()).hexdigest()}  {path}" for path, text in sorted(written.items())
        ]
        (target / SUMS).write_bytes(("\n".join(sums) + "\n").encode())
        written[SUMS] = ""
    return [target / path for path in written]


def main() -> int:
    arguments = argparse.ArgumentParser(description="Build the published files.")
    arguments.add_argument("modules", nargs="*", help="platforms by their modules' names; default: all")
    arguments.add_argument("--folder", type=Path, default=ROOT / "dist")
    options = arguments.parse_args()
    known = {folder.module for folder in folders(ROOT)}
    if unknown := sorted(set(options.modules) - known):
        print(f"modules: expected some of {', '.join(sorted(known))}, got {', '.join(unknown)}")
        return 2
    for file in build(options.folder, options.modules):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
