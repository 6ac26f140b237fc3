"""Limit how often one address may fail: a token bucket for each, in bounded memory.

Pure: the time is an argument.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """How many failures are allowed at once, and after how many seconds one more is allowed."""

    burst: int
    seconds_each: float


# A job that retries with an old key fails a few times. Guessing a key at this rate takes more than a
# lifetime.
KEYS = Rate(60, 1.0)
SIGN_IN = Rate(10, 30.0)


class FailureLimit:
    """Counts failures by address; the address that failed longest ago is forgotten first."""

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self._rate = rate
        self._most = most
        # Address: when all its failures are forgiven, in seconds of a monotonic clock.
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait_seconds(self, address: str, now: float) -> float:
        """Return how many seconds *address* has to wait before the next try; 0 if it need not."""
        debt = self._until.get(address, now) - now
        return max(0.0, debt - (self._rate.burst - 1) * self._rate.seconds_each)

    def record(self, address: str, now: float) -> None:
        """Record a failure."""
        until = max(self._until.pop(address, now), now) + self._rate.seconds_each
        self._until[address] = min(until, now + self._rate.burst * self._rate.seconds_each)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def forgive(self, address: str) -> None:
        """Forget the failures of an address that succeeded."""
        self._until.pop(address, None)


def network_of(address: str) -> str:
    """Return the network that is counted as one: an IPv4 address, or the /64 of an IPv6 customer."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))
