"""Print what the release workflow needs, as `name=value` lines: the version, and each name of project.toml.

    python scripts/names.py v1.2.3 >>"$GITHUB_OUTPUT"

`home.repository` becomes `home_repository`. No value holds a line break, which project.toml's reader checks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # Python puts the folder of the script on the path, and not the root.
    sys.path.insert(0, str(ROOT))

from scripts import project  # noqa: E402


def lines(tag: str, names: project.Project) -> list[str]:
    """Return the lines for *tag*. Raises ValueError if it is no tag of a release."""
    version = tag.removeprefix("v")
    if not tag.startswith("v") or not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        raise ValueError(f"tag: expected vX.Y.Z, such as v1.2.3, got {tag!r}")
    return [f"version={version}", *(f"{key.replace('.', '_')}={names.value(key)}" for key in project.KEYS)]


def main(arguments: Sequence[str]) -> int:
    try:
        (tag,) = arguments
        print("\n".join(lines(tag, project.of(ROOT))))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
