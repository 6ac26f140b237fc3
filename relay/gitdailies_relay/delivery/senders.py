"""Lanes to a receiver: threads that take parcels in turn, each over a connection of its own.

What waits for a lane has not been tried: it comes back unsent as soon as an answer says that the
receiver, the key or the address may be at fault, and where it has waited too long.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias

import structlog
from gitdailies_connection.http.event_lists import EventResult
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.delivery.batches import Carried, Parcel, is_of_the_events

LOG = structlog.get_logger("gitdailies.relay")


class Sender(Protocol):
    """What delivery needs of gitdailies_connection.http.sender."""

    def send(self, body: bytes, *, key: Secret, event_id: str | None) -> Outcome: ...

    def send_list(self, events: list[bytes], *, key: Secret) -> tuple[Outcome, list[EventResult]]: ...

    def receiver(self) -> str: ...

    def cut(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class _Waiting:
    parcel: Parcel
    sender: Sender
    dialect: Dialect
    until: float


_Work: TypeAlias = "_Waiting | None"


class Lanes:
    """*count* lanes; *landed* is called in the event loop when there is something for `take`."""

    def __init__(self, count: int, *, landed: Callable[[], None]) -> None:
        self._count = count
        self._landed = landed
        self._waiting: SimpleQueue[_Work] = SimpleQueue()
        self._carried: deque[Carried] = deque()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = False
        self._stopped = False

    def put(self, parcel: Parcel, sender: Sender, dialect: Dialect, patience_seconds: float) -> None:
        """Send *parcel* as soon as a lane is free; where none is within *patience_seconds*, it comes back."""
        if self._stopped:
            self._land(Carried(parcel))
            return
        if not self._threads:
            self._loop = asyncio.get_running_loop()
            for number in range(self._count):
                thread = threading.Thread(target=self._run, name=f"delivery-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._waiting.put(_Waiting(parcel, sender, dialect, time.monotonic() + patience_seconds))

    def take(self) -> list[Carried]:
        """Return what has come back since the last time; *landed* is called again for what follows."""
        self._told = False
        taken = []
        while self._carried:
            taken.append(self._carried.popleft())
        return taken

    def give_back(self) -> None:
        """Let what waits for a lane come back unsent."""
        while True:
            try:
                work = self._waiting.get_nowait()
            except Empty:
                return
            if work is None:
                self._waiting.put(None)
                return
            self._land(Carried(work.parcel))

    def stop(self) -> None:
        """End the lanes, each after what it is carrying now."""
        self._stopped = True
        self.give_back()
        for _ in self._threads:
            self._waiting.put(None)

    # In the threads.

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            if time.monotonic() > work.until:
                self._land(Carried(work.parcel))
                continue
            try:
                carried = carry(work.parcel, work.sender, work.dialect)
            except Exception as error:  # noqa: BLE001  a lane outlives whatever it carries
                LOG.error("sender broke", seq=work.parcel.heads[0].seq, reason=describe_error(error))
                carried = Carried(
                    work.parcel, now_us(), Outcome(None, f"the sender broke: {describe_error(error)}")
                )
            if carried.outcome is not None and not is_of_the_events(carried.outcome):
                self.give_back()
            self._land(carried)

    def _land(self, carried: Carried) -> None:
        self._carried.append(carried)
        if not self._told and self._loop is not None and not self._loop.is_closed():
            self._told = True
            # The loop may end meanwhile; then nobody waits for it any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._landed)


def carry(parcel: Parcel, sender: Sender, dialect: Dialect) -> Carried:
    """Write the events of *parcel* for the receiver, send them, and return what came of it."""
    began_at = now_us()
    written: dict[int, bytes] = {}
    unreadable: dict[int, str] = {}
    for head in parcel.heads:
        try:
            written[head.seq] = dialect.dump(Event.from_wire(json.loads(head.body)))
        except (InvalidEvent, ValueError, RecursionError) as error:
            unreadable[head.seq] = describe_error(error)
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    if len(written) == 1:
        (seq,) = written
        event_id = next(head.id for head in parcel.heads if head.seq == seq)
        outcome = sender.send(written[seq], key=parcel.key, event_id=event_id)
    elif written:
        outcome, results = sender.send_list(list(written.values()), key=parcel.key)
        pairs = zip(written, results, strict=True) if results else ()
        refused = frozenset(seq for seq, result in pairs if not result.accepted)
    return Carried(parcel, began_at, outcome, refused, unreadable)
