"""Where commands find gitdailies.yml: the one that is named, the one here, or that of `gitdailies up`."""

from __future__ import annotations

from pathlib import Path

from gitdailies_connection.config.load import load
from gitdailies_connection.config.settings import Configuration
from gitdailies_core.errors import ConfigurationError

FILE = "gitdailies.yml"
DATA = "gitdailies-data"


def find(path: Path | None) -> Path | None:
    """Return *path*, or the first default that is there."""
    if path is not None:
        return path
    return next((p for p in (Path(FILE), Path(DATA) / FILE) if p.is_file()), None)


def load_configuration(path: Path | None) -> Configuration:
    """Load it; raises ConfigurationError with every complaint."""
    chosen = find(path)
    if chosen is None:
        raise ConfigurationError(
            f"{FILE}: expected it here or in {DATA}, got none; write one with `gitdailies init`, "
            "or name one with --config"
        )
    return load(chosen)
