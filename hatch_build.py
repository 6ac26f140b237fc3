"""Put the documentation into the package, so that the DORA server has it."""

import runpy
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Documentation(BuildHookInterface[Any]):
    """What hatchling runs before it builds a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files. An editable package reads those of its checkout."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "connection"))
        read = runpy.run_path(str(root / "dora/gitdailies_dora/pages/frame/documentation.py"))
        files = read["files"]().values()
        build_data["force_include"].update(
            {str(root / file): f"gitdailies_dora/documentation/{file}" for file in files}
        )
