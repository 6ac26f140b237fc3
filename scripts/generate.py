"""Write every file that is generated from another, or check that each is fresh.

    python scripts/generate.py            write what is stale
    python scripts/generate.py --check    write nothing; exit 1 and name each stale file

A generator is a module `scripts/generators/NAME.py` with a function
`texts(root: Path) -> Mapping[str, str]`, which maps a path relative to the root to the whole
text that the file must hold. It may read files below *root*; it writes none.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def texts(root: Path = ROOT) -> dict[str, str]:
    """Ask every generator; raises ValueError where two of them claim one path."""
    # Run as a file, Python puts scripts/ on the path and not the root it lies in.
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    found: dict[str, str] = {}
    for file in sorted((root / "scripts" / "generators").glob("[!_]*.py")):
        for path, text in importlib.import_module(f"scripts.generators.{file.stem}").texts(root).items():
            if path in found:
                raise ValueError(f"{path}: expected one generator, got {file.name} and another")
            found[path] = text
    return found


def stale(root: Path = ROOT) -> dict[str, str]:
    """Return what differs from the files as they stand: path to the text it should hold."""
    return differing(texts(root), root)


def differing(expected: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return those of *expected* that no file below *root* holds."""
    return {
        path: text
        for path, text in expected.items()
        if not (root / path).is_file() or (root / path).read_bytes() != text.encode()
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description="Write or check generated files.")
    arguments.add_argument("--check", action="store_true", help="write nothing, exit 1 if one is stale")
    check = arguments.parse_args().check
    for path, text in (found := stale()).items():
        if check:
            print(f"{path}: stale; run python scripts/generate.py")
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(text.encode())
            print(f"{path}: written")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
