"""How often one address may fail: a token bucket each, in bounded memory. Pure: time comes in."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How many failures at once, and how many seconds give one of them back."""

    burst: int
    seconds_each: float


# A job that is retried with an old key fails a few times; whoever guesses needs more than a lifetime.
KEYS = Pace(60, 1.0)
SIGN_IN = Pace(10, 30.0)


class Attempts:
    """Failures by who failed; the one that failed longest ago is forgotten first."""

    def __init__(self, pace: Pace, most: int = 10_000) -> None:
        self._pace = pace
        self._most = most
        # Who: when all of it would be given back, in seconds of a clock that never goes back.
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait_seconds(self, who: str, now: float) -> float:
        """Return how long *who* has to wait before the next try; 0 if not at all."""
        debt = self._until.get(who, now) - now
        return max(0.0, debt - (self._pace.burst - 1) * self._pace.seconds_each)

    def fail(self, who: str, now: float) -> None:
        """Write down a failure."""
        until = max(self._until.pop(who, now), now) + self._pace.seconds_each
        self._until[who] = min(until, now + self._pace.burst * self._pace.seconds_each)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def forget(self, who: str) -> None:
        """Give everything back to who succeeded."""
        self._until.pop(who, None)


def network_of(address: str) -> str:
    """Return what counts as one: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))
