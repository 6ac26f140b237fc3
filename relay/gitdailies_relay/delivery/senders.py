"""Sending: each batch in a thread of its own, and a limited number of them at a time.

A batch that waits has not been tried. It comes back unsent when an answer says that the receiver, the key or
the address may be at fault, and when it has waited too long. A request that hangs holds no place: others
begin meanwhile, up to a bound.
"""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.events.receivers import OURS
from gitdailies_core.retry import Outcome
from gitdailies_core.sources.protocol import WITHOUT_RECOVERY
from gitdailies_server.logging.setup import describe_error

from gitdailies_relay.accepting.acceptance import trace_of
from gitdailies_relay.delivery.batches import Batch, BatchResult, is_about_events
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED

LOG = structlog.get_logger("gitdailies.relay")

# A request that had no answer for so long may hang until its timeout.
SLOW_SECONDS = 1.0
# How many more may run for each place while requests hang.
_SPARE = 2


def most_connections(count: int) -> int:
    """Return how many requests *count* places may have in flight at most, those that hang included."""
    return count * (1 + _SPARE)


class SenderPool:
    """Sends *count* batches at a time, and more where some hang. Use it in one event loop.

    *on_done* is called when there are results for `take_results`.
    """

    def __init__(self, count: int, *, on_done: Callable[[], None]) -> None:
        self._count = count
        self._on_done = on_done
        # What waits for a place, until a moment of the monotonic clock.
        self._waiting: deque[tuple[Batch, Sender, Dialect, float]] = deque()
        self._results: list[BatchResult] = []
        # When the request of each thread began.
        self._began: dict[threading.Thread, float] = {}
        self._stopped = False

    def submit(self, batch: Batch, sender: Sender, dialect: Dialect, wait_seconds: float) -> None:
        """Send *batch* when there is a place. After *wait_seconds* without one it comes back unsent."""
        self._waiting.append((batch, sender, dialect, time.monotonic() + wait_seconds))
        self.adjust()

    def adjust(self) -> None:
        """Begin to send what waits while there are free places, also those of requests that hang."""
        now = time.monotonic()
        slow = sum(now - began > SLOW_SECONDS for began in self._began.values())
        places = self._count + min(slow, self._count * _SPARE)
        while self._waiting and (self._stopped or len(self._began) < places):
            batch, sender, dialect, until = self._waiting[0]
            if self._stopped or now > until:
                self._finish(BatchResult(batch))
            else:
                work = (batch, sender, dialect, asyncio.get_running_loop())
                thread = threading.Thread(target=self._send, args=work, name="delivery", daemon=True)
                thread.start()
                self._began[thread] = now
            self._waiting.popleft()

    def take_results(self) -> list[BatchResult]:
        """Return the results since the last call."""
        results, self._results = self._results, []
        return results

    def return_unsent(self) -> None:
        """Let every batch that waits for a place come back unsent."""
        while self._waiting:
            self._finish(BatchResult(self._waiting.popleft()[0]))

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True
        self.return_unsent()

    def _send(self, batch: Batch, sender: Sender, dialect: Dialect, loop: asyncio.AbstractEventLoop) -> None:
        began = time.monotonic()
        try:
            result = send_batch(batch, sender, dialect)
        except Exception as error:  # noqa: BLE001  no batch is lost
            LOG.error("sender failed", seq=batch.events[0].seq, reason=describe_error(error))
            result = BatchResult(batch, began, Outcome(None, f"the sender failed: {describe_error(error)}"))
        # The loop may be closed by now. Then nothing waits for the result.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._came_back, threading.current_thread(), result)

    def _came_back(self, thread: threading.Thread, result: BatchResult) -> None:
        del self._began[thread]
        outcome = result.outcome
        if outcome is not None and not result.batch.may_fail and not is_about_events(outcome):
            self.return_unsent()
        self._finish(result)
        self.adjust()

    def _finish(self, result: BatchResult) -> None:
        self._results.append(result)
        self._on_done()


def send_batch(batch: Batch, sender: Sender, dialect: Dialect) -> BatchResult:
    """Write the events of *batch* for the receiver, send them, and return what came of it."""
    began = time.monotonic()
    written: dict[int, bytes] = {}
    ids: dict[int, str | None] = {}
    unsent: dict[int, tuple[str, str]] = {}
    for event in batch.events:
        try:
            one = Event.from_wire(json.loads(event.body))
            if dialect.receiver != OURS and one.get("resolution") in WITHOUT_RECOVERY:
                # It is done with, as if it had been taken.
                unsent[event.seq] = DELIVERED, f"not sent: {one.get('resolution')}, which is no recovery"
            else:
                written[event.seq], ids[event.seq] = dialect.dump(one), one.id or event.id
        except (InvalidEvent, ValueError, RecursionError) as error:
            unsent[event.seq] = DEAD_LETTER, f"the stored event cannot be read: {describe_error(error)}"
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    traces = [trace_of(event.delivery) for event in batch.events if event.seq in written]
    if len(written) == 1:
        ((seq, body),) = written.items()
        outcome = sender.send(body, key=batch.key, event_id=ids[seq], traces=traces)
    elif written:
        outcome, results = sender.send_list(list(written.values()), key=batch.key, traces=traces)
        pairs = zip(written, results, strict=True) if results else ()
        refused = frozenset(seq for seq, result in pairs if not result.accepted)
    return BatchResult(batch, began, outcome, refused, unsent)
