"""The bodies in this folder, by name."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "bodies"


def body(name: str, **changes: Any) -> Any:
    """Read a body; *changes* replace its fields, None takes one away."""
    read = json.loads((_FOLDER / f"{name}.json").read_text())
    if not changes:
        return read
    return {field: value for field, value in {**read, **changes}.items() if value is not None}
