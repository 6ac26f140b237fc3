"""Sending: a pool of threads that send batches.

A batch that waits for a thread has not been tried. It comes back unsent when an answer says that
the receiver, the key or the address may be at fault, and when it has waited too long. A request
that hangs takes no thread from the others: others start, up to a bound.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeAlias

import structlog
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.events.receivers import OURS
from gitdailies_core.retry import Outcome
from gitdailies_core.sources.protocol import WITHOUT_RECOVERY
from gitdailies_server.logging.setup import describe_error

from gitdailies_relay.delivery.batches import Batch, BatchResult, is_about_events
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED

LOG = structlog.get_logger("gitdailies.relay")

# A request that had no answer for so long may hang until its timeout.
SLOW_SECONDS = 1.0
# For each thread, so many more may run while requests hang.
_SPARE = 2


def most_connections(count: int) -> int:
    """Return how many requests *count* senders may have in flight at most, those that hang included."""
    return count * (1 + _SPARE)


# A batch that waits for a thread, until a moment of the monotonic clock. None ends a thread.
_Work: TypeAlias = "tuple[Batch, Sender, Dialect, float] | None"


class SenderPool:
    """*count* threads that send batches, each over a connection of its own, and more where some hang.

    *on_done* is called in the event loop when there are results for `take_results`.
    """

    def __init__(self, count: int, *, on_done: Callable[[], None]) -> None:
        self._count = count
        self._on_done = on_done
        self._waiting: SimpleQueue[_Work] = SimpleQueue()
        self._results: deque[BatchResult] = deque()
        # The threads that run, and when the request of each began.
        self._threads: set[threading.Thread] = set()
        self._began: dict[threading.Thread, float] = {}
        self._started = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._notified = False
        self._stopped = False
        self._lock = threading.Lock()

    def submit(self, batch: Batch, sender: Sender, dialect: Dialect, wait_seconds: float) -> None:
        """Send *batch* when a thread is free. After *wait_seconds* without one it comes back unsent."""
        if self._stopped:
            self._finish(BatchResult(batch))
            return
        self._loop = asyncio.get_running_loop()
        self.adjust()
        self._waiting.put((batch, sender, dialect, time.monotonic() + wait_seconds))

    def adjust(self) -> None:
        """Start threads in place of those whose requests hang; they end when there are too many."""
        if self._loop is None or self._stopped:
            return
        with self._lock:
            while len(self._threads) < self._allowed:
                self._started += 1
                thread = threading.Thread(target=self._run, name=f"delivery-{self._started}", daemon=True)
                self._threads.add(thread)
                thread.start()

    @property
    def _allowed(self) -> int:
        now = time.monotonic()
        slow = sum(now - began > SLOW_SECONDS for began in list(self._began.values()))
        return self._count + min(slow, self._count * _SPARE)

    def take_results(self) -> list[BatchResult]:
        """Return the results since the last call. *on_done* is called again for those that follow."""
        self._notified = False
        results = []
        while self._results:
            results.append(self._results.popleft())
        return results

    def return_unsent(self) -> None:
        """Let every batch that waits for a thread come back unsent."""
        while True:
            try:
                work = self._waiting.get_nowait()
            except Empty:
                return
            if work is None:
                self._waiting.put(None)
                return
            self._finish(BatchResult(work[0]))

    def stop(self) -> None:
        """End the threads, each after the batch that it is sending now."""
        self._stopped = True
        self.return_unsent()
        for _ in range(self._started):
            self._waiting.put(None)

    # In the threads.

    def _run(self) -> None:
        thread = threading.current_thread()
        while (work := self._waiting.get()) is not None:
            batch, sender, dialect, until = work
            if time.monotonic() > until:
                self._finish(BatchResult(batch))
                continue
            self._began[thread] = began = time.monotonic()
            try:
                result = send_batch(batch, sender, dialect)
            except Exception as error:  # noqa: BLE001  a thread outlives any batch
                LOG.error("sender failed", seq=batch.events[0].seq, reason=describe_error(error))
                result = BatchResult(
                    batch, began, Outcome(None, f"the sender failed: {describe_error(error)}")
                )
            del self._began[thread]
            outcome = result.outcome
            if outcome is not None and not batch.may_fail and not is_about_events(outcome):
                self.return_unsent()
            self._finish(result)
            with self._lock:
                if len(self._threads) > self._allowed:
                    self._threads.discard(thread)
                    return

    def _finish(self, result: BatchResult) -> None:
        self._results.append(result)
        if not self._notified and self._loop is not None and not self._loop.is_closed():
            self._notified = True
            # The loop may close right now. Then nothing waits for the result.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_done)


def send_batch(batch: Batch, sender: Sender, dialect: Dialect) -> BatchResult:
    """Write the events of *batch* for the receiver, send them, and return what came of it."""
    began = time.monotonic()
    written: dict[int, bytes] = {}
    unsent: dict[int, tuple[str, str]] = {}
    for event in batch.events:
        try:
            one = Event.from_wire(json.loads(event.body))
            if dialect.receiver != OURS and one.get("resolution") in WITHOUT_RECOVERY:
                # It is done with, as if it had been taken.
                unsent[event.seq] = DELIVERED, f"not sent: {one.get('resolution')}, which is no recovery"
            else:
                written[event.seq] = dialect.dump(one)
        except (InvalidEvent, ValueError, RecursionError) as error:
            unsent[event.seq] = DEAD_LETTER, f"the stored event cannot be read: {describe_error(error)}"
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    if len(written) == 1:
        (seq,) = written
        event_id = next(event.id for event in batch.events if event.seq == seq)
        outcome = sender.send(written[seq], key=batch.key, event_id=event_id)
    elif written:
        outcome, results = sender.send_list(list(written.values()), key=batch.key)
        pairs = zip(written, results, strict=True) if results else ()
        refused = frozenset(seq for seq, result in pairs if not result.accepted)
    return BatchResult(batch, began, outcome, refused, unsent)
