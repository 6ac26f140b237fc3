"""What processes have used so far, as the kernel counts it: proc_pid_stat(5) and proc_pid_status(5)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """Return the children of a process and the process itself; nothing if it has ended."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [*map(int, children), process]


def cpu_seconds(processes: Iterable[int]) -> float:
    """Return the user and system time of processes together."""
    # The fields 14 and 15, counted after the command in parentheses.
    stats = (Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in processes)
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / _TICKS


def memory_mib(processes: Iterable[int], field: str) -> float:
    """Return the memory of processes together in MiB: *field* is VmRSS (now) or VmHWM (the most ever)."""
    lines = (line for one in processes for line in Path(f"/proc/{one}/status").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
