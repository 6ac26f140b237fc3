"""A value that is made when it is first needed, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Deferred(Generic[Value]):
    """What *make* returns. If it raises, the next caller has it tried again."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self.made: Value | None = None

    def get(self) -> Value:
        """Return the value; make it in this thread if need be."""
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made

    async def arrive(self) -> Value:
        """Return the value; make it in a thread if need be, so that other requests are answered meanwhile."""
        return self.made if self.made is not None else await asyncio.to_thread(self.get)
