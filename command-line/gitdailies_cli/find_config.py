"""Find gitdailies.yml: the file given by --config, or in the current folder, or in gitdailies-data/."""

from __future__ import annotations

from pathlib import Path

from gitdailies_connection.config.load import load
from gitdailies_connection.config.settings import Configuration
from gitdailies_core.errors import ConfigurationError

FILE = "gitdailies.yml"
DATA = "gitdailies-data"


def find(path: Path | None) -> Path | None:
    """Return *path*, or the first default that exists, or None."""
    if path is not None:
        return path
    return next((p for p in (Path(FILE), Path(DATA) / FILE) if p.is_file()), None)


def load_configuration(path: Path | None) -> Configuration:
    """Find and load it; raises ConfigurationError with every fault."""
    chosen = find(path)
    if chosen is None:
        raise ConfigurationError(
            f"{FILE}: no such file here or in {DATA}; write one with `gitdailies init`, "
            "or name one with --config"
        )
    return load(chosen)
