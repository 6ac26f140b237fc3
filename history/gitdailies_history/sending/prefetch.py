"""Two things at once: a call that waits for a network, and what is made ready meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


def beside(call: Callable[[], Item], meanwhile: Callable[[], object]) -> Item:
    """Return what *call* comes to, in a thread of its own, while *meanwhile* runs in this one.

    Whatever ends *meanwhile* early, as Ctrl-C does, leaves the call to itself.
    """
    future: Future[Item] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
            future.set_exception(error)

    # A daemon, since nobody waits for an answer when the command ends.
    Thread(target=run, daemon=True).start()
    meanwhile()
    return future.result()


class Ahead(Generic[Item]):
    """Items in their order, the next of which can be made before it is asked for."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._made: list[Item] = []
        self._over = False

    def prepare(self) -> None:
        """Make the next item, unless it is there or none is left."""
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
