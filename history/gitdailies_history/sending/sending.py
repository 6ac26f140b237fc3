"""Send a plan as one stream with one request in flight. Each response is recorded before the next request.

`gitdailies_core.retry` decides about retries. A refused key, a wrong URL or a dead network stops the run;
the next run continues from the checkpoint.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

from gitdailies_connection.config.sections.settings import Destination
from gitdailies_connection.http.attempts import Attempts
from gitdailies_connection.http.sender import Sender
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.receivers import OURS
from gitdailies_core.values.secret import Secret

from gitdailies_history.plan.encoding import Entry
from gitdailies_history.sending.checkpoint import Checkpoint
from gitdailies_history.sending.verdicts import REFUSED, SENT, Verdict, verdict_of

Found = TypeVar("Found")

_ASKED_AT_ONCE = 500
# The DORA server takes at most 10,000 events and 8 MiB in one request (docs/dora-server.md).
# Both sides sync once for each list, and the ids of a longer one share more pages of the receiver's index.
MOST_EVENTS = 10_000
_MOST_BYTES = 8 * 1024 * 1024 - 64 * 1024


class Watch(Protocol):
    """The caller's view of a run: progress and refused events."""

    def moved(self, events: int) -> None:
        """Report that this number of events is finished."""

    def refused(self, verdict: Verdict) -> None:
        """Report an event that the receiver refused, with its reason."""


@dataclass
class Report:
    """The result of a run. An earlier run sent the `skipped`; `stopped` is the reason for an early end."""

    sent: int = 0
    unchanged: int = 0
    known: int = 0
    skipped: int = 0
    refused: int = 0
    stopped: str = ""
    key_refused: bool = False

    def count(self, verdicts: Iterable[Verdict]) -> None:
        """Count the verdicts of events."""
        for word, number in Counter(one.word for one in verdicts).items():
            setattr(self, word, getattr(self, word) + number)

    @property
    def delivered(self) -> int:
        """The number of this run's events that the receiver has now."""
        return self.sent + self.unchanged + self.known


class _Stopped(Exception):
    """Ends the run, because no further request can succeed."""

    def __init__(self, reason: str, *, key: bool = False) -> None:
        super().__init__(reason)
        self.key = key


class _TooLarge(Exception):
    """The receiver, or a proxy in front of it, refuses a list of this size."""


@dataclass
class Stream(Attempts):
    """Sends entries in order to one receiver, and records in *checkpoint* what it has taken."""

    sender: Sender
    destination: Destination
    key: Secret
    checkpoint: Checkpoint
    watch: Watch
    report: Report = field(default_factory=Report)

    def send(self, entries: Iterable[Entry]) -> Report:
        """Send all entries that were not sent before. Never raises for a fault of a receiver or network."""
        try:
            dialect = self._dialect()
            # A dialect that adds and renames no fields sends the plan's JSON unchanged.
            plain = dialect == Dialect.make(receiver=OURS, path=dialect.path)
            most = MOST_EVENTS if dialect.takes_lists else 1
            for batch in _cut(self._left(entries), most=most):
                self._send(batch, dialect, plain=plain)
        except _Stopped as stopped:
            self.report.stopped, self.report.key_refused = str(stopped), stopped.key
        return self.report

    def _left(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        waiting = iter(entries)
        while some := list(islice(waiting, _ASKED_AT_ONCE)):
            known = self.checkpoint.known([entry.id for entry in some])
            if known:
                self.report.skipped += len(known)
                self.watch.moved(len(known))
            yield from (entry for entry in some if entry.id not in known)

    def _send(self, whole: list[Entry], dialect: Dialect, *, plain: bool) -> None:
        waiting = deque([whole])
        while waiting:
            batch = waiting.popleft()
            try:
                found = self._list(batch, dialect, plain=plain) if dialect.takes_lists else None
                found = found if found is not None else self._single(batch[0], dialect)
            except _TooLarge:
                middle = (len(batch) + 1) // 2
                waiting.extendleft([batch[middle:], batch[:middle]])
                continue
            ids = [one.entry.id for one in found if one.word != REFUSED]
            self.checkpoint.add(ids, [one.entry.id for one in found if one.word == SENT])
            self.report.count(found)
            for one in found:
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

        verdict, receiver = self._answer(ask)
        if not isinstance(verdict, retry.Done):
            raise _Stopped(verdict.reason)
        return self.destination.dialect(receiver)

    def _list(self, batch: Sequence[Entry], dialect: Dialect, *, plain: bool) -> list[Verdict]:
        written = [entry.body.encode() if plain else dialect.dump(entry.event) for entry in batch]

        def post() -> tuple[retry.Outcome, list[Verdict]]:
            outcome, results = self.sender.send_list(written, key=self.key)
            return outcome, list(map(verdict_of, batch, results))

        verdict, found = self._answer(post)
        return found or self._all(batch, verdict)

    def _single(self, entry: Entry, dialect: Dialect) -> list[Verdict]:
        body = dialect.dump(entry.event)

        def post() -> tuple[retry.Outcome, None]:
            return self.sender.send(body, key=self.key, event_id=entry.id), None

        verdict, _ = self._answer(post)
        return self._all([entry], verdict)

    def _all(self, batch: Sequence[Entry], verdict: retry.Verdict) -> list[Verdict]:
        """Return the same verdict for each event of a request, or raise to end the run."""
        if isinstance(verdict, retry.Done):
            return [Verdict(entry, SENT) for entry in batch]
        if isinstance(verdict, retry.GiveUp) and len(batch) > 1:
            # One refused event must not take the others with it.
            raise _TooLarge
        if isinstance(verdict, retry.GiveUp):
            return [Verdict(batch[0], REFUSED, verdict.reason)]
        raise _Stopped(verdict.reason, key=isinstance(verdict, retry.Pause) and verdict.what == "key")

    def _answer(self, attempt: Callable[[], tuple[retry.Outcome, Found]]) -> tuple[retry.Verdict, Found]:
        """Attempt until there is a final verdict; raises _Stopped if the retries are used up."""
        verdict, _, found = self.repeated(attempt)
        if isinstance(verdict, retry.Again):
            raise _Stopped(f"{self.retries + 1} attempts failed, the last one with: {verdict.reason}")
        return verdict, found


def _cut(entries: Iterable[Entry], *, most: int) -> Iterator[list[Entry]]:
    """Cut a stream into lists of at most *most* events and `_MOST_BYTES` bytes, in order."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        # With the comma. The margin is for fields that the dialect renames.
        length = len(entry.body.encode()) + 64
        if batch and (len(batch) >= most or size + length > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
