"""Sending a plan: one stream, one request in flight, each answer written down before the next request.

While the receiver works on one list, the next one is made ready.
Retries are those of `gitdailies_core.retry`. What stops a run (a refused key, a wrong address, a
network that stays dead) leaves a state that the next run goes on from.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from gitdailies_connection.config.settings import Destination
from gitdailies_connection.http.sender import Sender
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError
from gitdailies_core.events.dialect import OURS, Dialect
from gitdailies_core.values.secret import Secret

from gitdailies_history.plan.entries import Entry
from gitdailies_history.sending import batches, verdicts
from gitdailies_history.sending.checkpoint import Sent
from gitdailies_history.sending.prefetch import Ahead, beside
from gitdailies_history.sending.verdicts import REFUSED, SENT, Verdict

Found = TypeVar("Found")

_ASKED_AT_ONCE = 500


class Watch(Protocol):
    """Whoever looks on: progress, and what is refused."""

    def moved(self, events: int) -> None:
        """So many more events are done with."""

    def waits(self, reason: str, seconds: float) -> None:
        """The next attempt is so far away; 0 when waiting is over."""

    def refused(self, verdict: Verdict) -> None:
        """The receiver refused an event, and said why."""


@dataclass
class Report:
    """What a run came to; `skipped` were sent by a run before, `stopped` says what ended it early."""

    sent: int = 0
    unchanged: int = 0
    known: int = 0
    skipped: int = 0
    refused: int = 0
    stopped: str = ""
    key_refused: bool = False

    def count(self, verdict: Verdict) -> None:
        """Add what became of one event."""
        setattr(self, verdict.word, getattr(self, verdict.word) + 1)

    @property
    def there(self) -> int:
        """How many events of this run the receiver has now."""
        return self.sent + self.unchanged + self.known


class _Stopped(Exception):
    """The run ends here, since no further request can succeed."""

    def __init__(self, reason: str, *, key: bool = False) -> None:
        super().__init__(reason)
        self.key = key


class _TooLarge(Exception):
    """The receiver, or a proxy before it, takes no list of this size."""


@dataclass
class Stream:
    """Sends entries in their order to one receiver, and writes down in *sent* what it answered for.

    *sleep*, *now* and *jitter* are the world's, but in tests.
    """

    sender: Sender
    destination: Destination
    key: Secret
    sent: Sent
    watch: Watch
    retries: int = 8
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random
    report: Report = field(default_factory=Report)
    _batches: Ahead[list[Entry]] = field(default_factory=lambda: Ahead(()), init=False, repr=False)

    def send(self, entries: Iterable[Entry]) -> Report:
        """Send all that was not sent before; never raises for what a receiver or a network does."""
        try:
            dialect = self._dialect()
            # What adds no fields and renames none is sent as it stands in the plan.
            plain = dialect == Dialect.make(receiver=OURS, path=dialect.path)
            most = batches.MOST_EVENTS if dialect.takes_lists else 1
            self._batches = Ahead(batches.cut(self._left(entries), most=most))
            for batch in self._batches:
                self._send(batch, dialect, plain=plain)
        except _Stopped as stopped:
            self.report.stopped, self.report.key_refused = str(stopped), stopped.key
        return self.report

    def _left(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        waiting = iter(entries)
        while some := list(islice(waiting, _ASKED_AT_ONCE)):
            there = self.sent.known([entry.id for entry in some])
            if there:
                self.report.skipped += len(there)
                self.watch.moved(len(there))
            yield from (entry for entry in some if entry.id not in there)

    def _send(self, whole: list[Entry], dialect: Dialect, *, plain: bool) -> None:
        waiting = deque([whole])
        while waiting:
            batch = waiting.popleft()
            try:
                found = self._list(batch, dialect, plain=plain) if dialect.takes_lists else None
                found = found if found is not None else self._single(batch[0], dialect)
            except _TooLarge:
                waiting.extendleft(reversed(batches.halves(batch)))
                continue
            self.sent.add(one.entry.id for one in found if one.word != REFUSED)
            for one in found:
                self.report.count(one)
                if one.word == REFUSED:
                    self.watch.refused(one)
            self.watch.moved(len(batch))

    def _dialect(self) -> Dialect:
        if self.destination.receiver is not None:
            return self.destination.dialect()

        def ask() -> tuple[retry.Outcome, str]:
            try:
                return retry.Outcome(200), self.sender.receiver()
            except DeliveryError as error:
                return retry.Outcome(None, str(error)), ""

        verdict, receiver = self._until_answered(ask)
        if not isinstance(verdict, retry.Done):
            raise _Stopped(verdict.reason)
        return self.destination.dialect(receiver)

    def _list(self, batch: Sequence[Entry], dialect: Dialect, *, plain: bool) -> list[Verdict]:
        written = [entry.body.encode() if plain else dialect.dump(entry.event) for entry in batch]
        request = partial(self.sender.send_list, written, key=self.key)

        def post() -> tuple[retry.Outcome, list[Verdict]]:
            outcome, results = beside(request, self._batches.prepare)
            return outcome, verdicts.of_list(results, batch) if results else []

        verdict, found = self._until_answered(post)
        return found or self._all(batch, verdict)

    def _single(self, entry: Entry, dialect: Dialect) -> list[Verdict]:
        body = dialect.dump(entry.event)

        def post() -> tuple[retry.Outcome, None]:
            return self.sender.send(body, key=self.key, event_id=entry.id), None

        verdict, _ = self._until_answered(post)
        return self._all([entry], verdict)

    def _all(self, batch: Sequence[Entry], verdict: retry.Verdict) -> list[Verdict]:
        """Return one verdict for a whole request; raises what ends the run."""
        if isinstance(verdict, retry.Done):
            return [Verdict(entry, SENT) for entry in batch]
        if isinstance(verdict, retry.GiveUp) and len(batch) > 1:
            # One event that the receiver cannot stand must not take the others with it.
            raise _TooLarge
        if isinstance(verdict, retry.GiveUp):
            return [Verdict(batch[0], REFUSED, verdict.reason)]
        raise _Stopped(verdict.reason, key=isinstance(verdict, retry.Pause) and verdict.what == "key")

    def _until_answered(
        self, attempt: Callable[[], tuple[retry.Outcome, Found]]
    ) -> tuple[retry.Verdict, Found]:
        """Attempt until there is a verdict for good, or until the retries are used up."""
        started_at, reason = self.now(), ""
        for number in range(1, self.retries + 2):
            outcome, found = attempt()
            verdict = retry.decide(
                outcome,
                attempt=number,
                first_attempt_at=started_at,
                now=self.now(),
                jitter=self.jitter,
                give_up_age_seconds=math.inf,
            )
            if not isinstance(verdict, retry.Again):
                return verdict, found
            reason = verdict.reason
            if number <= self.retries:
                seconds = max(0.0, (verdict.at - self.now()).total_seconds())
                self.watch.waits(reason, seconds)
                self.sleep(seconds)
                self.watch.waits("", 0.0)
        raise _Stopped(f"{self.retries + 1} attempts without an answer for good, the last: {reason}")
