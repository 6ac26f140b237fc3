"""What all processes of a run share: the first that asks makes it, the others wait for it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# The folder of a run, which its end removes.
RUN = "GITDAILIES_TEST_RUN"


def folder_of_run() -> Path:
    """Return the folder that the processes of this run share."""
    return Path(os.environ[RUN])


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder *name* of this run, which *make* filled. A fault of *make* reaches each process."""
    folder = folder_of_run() / "once" / name
    folder.parent.mkdir(exist_ok=True)
    with alone(f"once/{name}"):
        done = folder.with_suffix(".done")
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one process of this run at a time do what *name* says."""
    with (folder_of_run() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
