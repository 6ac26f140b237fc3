"""A small disk that can be filled: a file with a file system in it, mounted where that is permitted."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BYTES = 96 * 1024 * 1024
_FULL_BYTES = 4096


@dataclass
class Disk:
    """A folder for the store. If no disk is mounted, a limit on the size of files simulates a full disk."""

    folder: Path
    mounted: bool

    def fill(self, process: int) -> None:
        """Leave no room; *process* is the one that has to notice, where only its files can be limited."""
        if not self.mounted:
            _limit(process, _FULL_BYTES)
            return
        with contextlib.suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size >>= 1

    def empty(self, process: int) -> None:
        """Make room again."""
        if self.mounted:
            (self.folder / "ballast").unlink()
        else:
            _limit(process, resource.RLIM_INFINITY)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mount a disk of its own under *folder* as long as the block lasts."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(_BYTES)
    mounted = (
        os.geteuid() == 0
        and _runs("mkfs.ext4", "-q", "-F", image)
        and _runs("mount", "-o", "loop", image, place)
    )
    try:
        yield Disk(place, mounted)
    finally:
        if mounted:
            _runs("umount", "--lazy", place)


def _runs(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def _limit(process: int, size: int) -> None:
    _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))
