"""Find gitdailies.yml, and the folder for data.

The file is the one given by --config, or in the current folder, in the data folder or in /etc/gitdailies.
Two variables, which the image sets, change where a server listens and stores if nothing else says so.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gitdailies_core.errors import ConfigurationError

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import Configuration, Defaults

FILE = "gitdailies.yml"
DATA = "gitdailies-data"
# The keys that `gitdailies up` makes in its folder: one to send, one to read.
SEND_KEY, READ_KEY = "webhook-key", "read-key"
# The repository of `gitdailies demo`.
DEMO = "larkspur/checkout-api"
SYSTEM = Path("/etc/gitdailies")
URL_VARIABLE, KEY_VARIABLE = "GITDAILIES_WEBHOOK_URL", "GITDAILIES_WEBHOOK_KEY"
HOST_VARIABLE, DATA_VARIABLE = "GITDAILIES_HOST", "GITDAILIES_DATA"


def data_folder() -> Path:
    """Return the folder for stores, keys and secrets."""
    return Path(os.environ.get(DATA_VARIABLE) or DATA)


def dora_store(folder: Path) -> Path:
    """Return the DORA server's SQLite file in *folder*: dora.db, or an earlier version's webhooks.db."""
    earlier = folder / "webhooks.db"
    return earlier if _is_file(earlier) else folder / "dora.db"


def defaults() -> "Defaults":
    """Return what the variables set, and else what holds on any machine."""
    from gitdailies_connection.config.sections.settings import Defaults

    data = os.environ.get(DATA_VARIABLE)
    host = os.environ.get(HOST_VARIABLE) or Defaults.host
    return Defaults(host, Path(data).absolute() if data else None)


def find(path: Path | None, folder: Path = Path()) -> Path | None:
    """Return *path*, or the first default that exists, seen from *folder*, or None."""
    if path is not None:
        return folder / path
    places = (folder, folder / data_folder(), SYSTEM)
    return next((place / FILE for place in places if _is_file(place / FILE)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that this user may not look into
        return False


def load_configuration(path: Path | None) -> "Configuration":
    """Find and load it; raises ConfigurationError with every fault."""
    # Commands that need no configuration do not wait for what reads it.
    from gitdailies_connection.config.load import load

    chosen = find(path)
    if chosen is None:
        raise ConfigurationError(
            f"{FILE}: no such file here, in {data_folder()} or in {SYSTEM}; "
            "write one with `gitdailies init`, or name one with --config"
        )
    return load(chosen, defaults=defaults())
