"""Prepare the next item while a call waits for the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


def run_alongside(call: Callable[[], Item], meanwhile: Callable[[], object]) -> Item:
    """Return the result of *call*, which runs in its own thread while *meanwhile* runs in this one.

    If *meanwhile* is interrupted, for example by Ctrl-C, the call is left to finish alone.
    """
    future: Future[Item] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised again by future.result()
            future.set_exception(error)

    # A daemon thread, so that the command can end without waiting for the response.
    Thread(target=run, daemon=True).start()
    meanwhile()
    return future.result()


class Prefetched(Generic[Item]):
    """An iterator that can prepare its next item early."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._made: list[Item] = []
        self._over = False

    def prepare(self) -> None:
        """Make the next item, unless it is ready or none is left."""
        if not self._made and not self._over:
            try:
                self._made.append(next(self._items))
            except StopIteration:
                self._over = True

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        self.prepare()
        if self._over:
            raise StopIteration
        return self._made.pop()
