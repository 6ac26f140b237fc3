"""One server per file: who holds the lock, and when it ends."""

from pathlib import Path

import pytest
from gitdailies_core.errors import ConfigurationError
from gitdailies_server.storage.sqlite import ServerLock


def test_a_folder_that_cannot_hold_the_lock_is_named(tmp_path: Path) -> None:
    """Where the lock cannot be made, the message names file and reason, without a traceback."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.db"

    with pytest.raises(ConfigurationError) as caught:
        ServerLock(path).acquire()
    assert str(caught.value) == f"{path}.lock: cannot create the lock file: file exists"
