"""Results that are kept for as long as they are asked for again.

An overview is made anew with every event, and an event changes one row of it. What is costly about the other
rows follows from the same texts as before, so it is kept by a digest of them: equal texts have equal results.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """A pure function of texts that keeps its last results: *most* of them, without the texts."""

    def __init__(self, work: Callable[..., Result], most: int) -> None:
        self._work = work
        self._most = most
        self._kept: OrderedDict[bytes, Result] = OrderedDict()
        self._lock = Lock()  # questions about a small store run in threads

    def __call__(self, *texts: str) -> Result:
        digest = blake2b(digest_size=16)
        for text in texts:
            digest.update(b"%d:" % len(text))
            digest.update(text.encode())
        key = digest.digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        result = self._work(*texts)
        with self._lock:
            self._kept[key] = result
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return result
