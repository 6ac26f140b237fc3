"""A cache of the last results of a pure function.

Every event makes the overview again, but changes one row of it. The other rows have the same texts as before.
Equal texts have equal results, so a result is kept by a digest of its texts.
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
