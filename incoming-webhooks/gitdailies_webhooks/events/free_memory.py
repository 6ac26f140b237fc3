"""The memory of a process that reads for questions: kept within an answer, and given back after it.

Arrays of some megabytes come and go while a large question is answered. By itself glibc gives each one back,
and the kernel clears the same pages again and again: a fifth of the time of such an answer.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# For glibc; another C library knows none of them. In bytes: blocks up to the first come from memory that is
# kept, 32 MiB at most, and the second is how much of that may be free. Large pages are cleared faster.
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
        "MALLOC_TRIM_THRESHOLD_": str(1024**3),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
)
# What a small question takes costs more to give back than to keep.
KEPT_BYTES = 16 * 1024**2

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class FreeMemory:
    """Gives back what an answer left free. Make it before the first answer."""

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
