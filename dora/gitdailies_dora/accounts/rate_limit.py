"""Limit how often one address, or tries at one name, may fail: a token bucket for each, in bounded memory.

Pure: the time is an argument.
"""

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
# A name may be tried from several addresses: one person has some, and so have those who guess.
SIGN_IN_NAME = Rate(20, 30.0)
# Sign-ins with a provider that were begun. Each that succeeds is given back. An office of many people may
# have one address, and nothing can be guessed here: this bounds what the store and the provider are asked.
SINGLE_SIGN_ON = Rate(100, 2.0)
_MOST_FAMILIAR = 10_000


class FailureLimit:
    """Counts failures by name or address; the one that failed longest ago is forgotten first."""

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self._rate = rate
        self._most = most
        # Who failed: when all its failures are forgiven, in seconds of a monotonic clock.
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait_seconds(self, who: str, now: float) -> float:
        """Return how many seconds *who* has to wait before the next try; 0 if it need not."""
        return max(0.0, self.debt(who, now) - (self._rate.burst - 1) * self._rate.seconds_each)

    def debt(self, who: str, now: float) -> float:
        """Return after how many seconds all failures of *who* are forgiven."""
        return max(0.0, self._until.get(who, now) - now)

    def record(self, who: str, now: float) -> None:
        """Record a failure."""
        until = max(self._until.pop(who, now), now) + self._rate.seconds_each
        self._until[who] = min(until, now + self._rate.burst * self._rate.seconds_each)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def give_back(self, who: str, seconds: float, now: float) -> None:
        """Forgive failures of *who* that cost this many seconds."""
        if (left := self.debt(who, now) - seconds) > 0:
            self._until[who] = now + left
        else:
            self._until.pop(who, None)


class SignInLimit:
    """Limits tries at passwords, by address and by name. Record a try before its password is checked.

    A success gives back what this name cost this address, and nothing else: an own sign-in between guesses
    at another name buys no more guesses. A name that signed in from an address before is not limited there
    by what others cost it. Otherwise, anyone could keep a person out by guessing.
    """

    def __init__(self) -> None:
        self._addresses = FailureLimit(SIGN_IN)
        self._names = FailureLimit(SIGN_IN_NAME)
        # What a name cost an address.
        self._pairs = FailureLimit(SIGN_IN)
        self._familiar: OrderedDict[str, None] = OrderedDict()

    def wait_seconds(self, address: str, name: str, now: float) -> float:
        """Return how many seconds to wait before the next try; 0 if there is no need to."""
        return max(limit.wait_seconds(who, now) for limit, who in self._limits(address, name))

    def record(self, address: str, name: str, now: float) -> None:
        """Record a try that may fail."""
        for limit, who in self._limits(address, name):
            limit.record(who, now)

    def succeed(self, address: str, name: str, now: float) -> None:
        """Give back what this name cost this address."""
        pair = f"{address} {name}"
        cost = self._pairs.debt(pair, now)
        for limit, who in self._limits(address, name):
            limit.give_back(who, cost, now)
        self._familiar.pop(pair, None)
        self._familiar[pair] = None
        while len(self._familiar) > _MOST_FAMILIAR:
            self._familiar.popitem(last=False)

    def _limits(self, address: str, name: str) -> list[tuple[FailureLimit, str]]:
        pair = f"{address} {name}"
        limits = [(self._addresses, address), (self._pairs, pair)]
        return limits if pair in self._familiar else [*limits, (self._names, name)]


def network_of(address: str) -> str:
    """Return the network that is counted as one: an IPv4 address, or the /64 of an IPv6 customer."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))
