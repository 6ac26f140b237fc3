"""The memory of a process that reads for questions: kept from one question to the next, and then given back.

Arrays of some megabytes come and go while a large question is answered. By itself glibc gives each one back,
and the kernel clears the same pages again and again: a fifth of the time of such an answer, and half of it
in a virtual machine whose host has to find the memory first.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# For glibc; another C library knows none of them. All blocks come from memory that is kept, however large
# they are, and this many bytes of it may be free. Large pages are cleared faster.
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1024**3),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
)
# What a small question takes costs more to give back than to keep.
KEPT_BYTES = 16 * 1024**2
# Questions come together: a page asks several, and people read an answer before they ask again.
KEPT_SECONDS = 60.0

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class FreeMemory:
    """Gives back what answers left free. Make it before the first answer."""

    def __init__(self) -> None:
        # The C library of this process, where it has such a function.
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._kept = resident_bytes()

    def give_back(self) -> None:
        """Return free memory to the system, if the process has grown by more than `KEPT_BYTES`."""
        if self._trim is not None and resident_bytes() > self._kept + KEPT_BYTES:
            self._trim(0)
            self._kept = resident_bytes()


def resident_bytes() -> int:
    """Return how much memory this process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
