"""How many connections this process may have open: the system counts files and sockets together."""

from __future__ import annotations

import resource
from contextlib import suppress

# The store, the sender, the log; and connections that the kernel hands over before one is sent away.
_RESERVE = 256


def connections_that_fit(connections: int) -> int:
    """Raise the limit of open files as far as is needed and allowed; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # The kernel may allow less than it says, in a container.
        with suppress(OSError, ValueError):
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - _RESERVE, soft // 2))
