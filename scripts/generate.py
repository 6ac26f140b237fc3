"""Write every generated file, or check that each is fresh.

    python scripts/generate.py            write the stale files
    python scripts/generate.py --check    write nothing; exit 1 and name each stale file

A generator is a module `scripts/generators/NAME.py` with a function
`texts(root: Path) -> Mapping[str, str]`. It maps a path below the root to the whole text of that
file. It may read files below *root*. It writes none.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def texts(root: Path = ROOT) -> dict[str, str]:
    """Run every generator. Raises ValueError if two of them write one path."""
    # Python puts the folder of the script on the path, and not the root.
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
    """Return the text of each stale file, by its path."""
    return differing(texts(root), root)


def differing(expected: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the entries of *expected* whose files below *root* differ or are missing."""
    return {
        path: text
        for path, text in expected.items()
        if not (root / path).is_file() or (root / path).read_bytes() != text.encode()
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description="Write or check generated files.")
    arguments.add_argument("--check", action="store_true", help="write nothing, exit 1 if one is stale")
    check = arguments.parse_args().check
    try:
        found = stale()
    except ValueError as error:
        # A person writes the sources: what is missing is no fault of a generator.
        print(error, file=sys.stderr)
        return 2
    except FileNotFoundError as error:
        print(f"{error.filename}: expected this file, got none", file=sys.stderr)
        return 2
    for path, text in found.items():
        if check:
            print(f"{path}: stale; run python scripts/generate.py")
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(text.encode())
            print(f"{path}: written")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
