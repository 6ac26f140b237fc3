"""Files that only their owner may read, such as secrets. Each is written completely or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def write_once(path: Path, text: Callable[[], str]) -> bool:
    """Write a file of mode 0600 unless it exists; return whether it was written."""
    if path.exists():
        return False
    write(path, text().rstrip("\n") + "\n")
    return True


def write(path: Path, text: str) -> None:
    """Write a file of mode 0600, in place of an earlier one."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
