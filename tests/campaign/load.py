"""Requests at a steady rate from many threads, and what came of each."""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

NO_ANSWER = 0

Post = Callable[[requests.Session], requests.Response]


@dataclass(frozen=True)
class Try:
    """One request: which it was, when its answer came, how long it took, and its status or NO_ANSWER."""

    number: int
    at: float
    seconds: float
    status: int
    body: Any = None


@dataclass
class Load:
    """Sends what *make* makes of a number, *rate* a second. With *again*, one that is not accepted is sent
    again after that number of seconds, until it is.
    """

    make: Callable[[int], Post]
    rate: float
    again: float | None = None
    threads: int = 32
    tries: list[Try] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _repeats: list[tuple[float, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _begun: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send as long as the block lasts, and after it what waits to be sent again."""
        self._begun = time.monotonic()
        workers = [threading.Thread(target=self._work) for _ in range(self.threads)]
        for one in workers:
            one.start()
        try:
            yield
        finally:
            self._ended.set()
            for one in workers:
                one.join(300)

    def accepted(self) -> list[Try]:
        return [one for one in self.tries if 200 <= one.status < 300]

    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.tries)

    def longest_pause(self, begin: float) -> float:
        """Return the longest time between two accepted ones, if the later one came after *begin*."""
        times = sorted(one.at for one in self.accepted())
        return max((b - a for a, b in itertools.pairwise(times) if b >= begin), default=0.0)

    def summary(self) -> str:
        """Return how many got which status, and the seconds of accepted ones: median, 99 %, the slowest."""
        took = sorted(one.seconds for one in self.accepted())
        median, most = took[len(took) // 2], took[len(took) * 99 // 100]
        return f"{dict(self.statuses())}, median {median:.3f} s, p99 {most:.2f} s, slowest {took[-1]:.1f} s"

    def _work(self) -> None:
        with requests.Session() as session:
            while (found := self._next()) is not None:
                due, number = found
                time.sleep(max(0.0, due - time.monotonic()))
                self._send(number, session)

    def _next(self) -> tuple[float, int] | None:
        with self._lock:
            if self._repeats and (self._ended.is_set() or self._repeats[0][0] <= time.monotonic()):
                return heapq.heappop(self._repeats)
            if self._ended.is_set():
                return None
            number = next(self._numbers)
            return self._begun + number / self.rate, number

    def _send(self, number: int, session: requests.Session) -> None:
        began, status, body = time.monotonic(), NO_ANSWER, None
        try:
            reply = self.make(number)(session)
            status = reply.status_code
            body = reply.json() if reply.ok else reply.text
        except requests.RequestException as error:
            body = repr(error)
        now = time.monotonic()
        self.tries.append(Try(number, now, now - began, status, body))
        if self.again is not None and not 200 <= status < 300:
            with self._lock:
                heapq.heappush(self._repeats, (now + self.again, number))
