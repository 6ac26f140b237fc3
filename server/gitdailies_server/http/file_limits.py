"""How many connections the limit of open files allows; the system counts files and sockets together."""

from __future__ import annotations

import resource
from contextlib import suppress

# For the store, the sender and the log, and for connections that are accepted before another is closed.
_RESERVE = 256


def connections_that_fit(connections: int) -> int:
    """Raise the limit of open files as far as needed and allowed; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # In a container the kernel may allow less than it reports.
        with suppress(OSError, ValueError):
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - _RESERVE, soft // 2))
