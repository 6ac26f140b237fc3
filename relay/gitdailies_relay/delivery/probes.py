"""Which event to probe a receiver with that everything waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitdailies_relay.store.outbox import ReadyEvent


class ProbeChoice:
    """The probes since the receiver was left alone: each is an event of another partition.

    The newest event that was never tried goes first. It is the least likely to be refused for the
    reason of those before it.
    """

    # How many events to choose from: never tried ones, and those that wait longest.
    NEWEST = 8
    OLDEST = 64

    def __init__(self, accused: Iterable[str] = ()) -> None:
        """Begin where the partitions *accused* were the last ones that failed or were refused."""
        # The partitions in the order of their last probe.
        self._sent: dict[str, None] = {}
        for partition in accused:
            self.sent(partition)

    def sent(self, partition: str) -> None:
        """Note a probe of *partition*."""
        self._sent.pop(partition, None)
        self._sent[partition] = None
        while len(self._sent) > 2 * self.OLDEST:
            del self._sent[next(iter(self._sent))]

    def untried(self, newest: Sequence[ReadyEvent]) -> ReadyEvent | None:
        """Return the newest event whose partition was not probed, or None."""
        return next((event for event in newest if event.partition not in self._sent), None)

    def any_of(self, waiting: Sequence[ReadyEvent]) -> ReadyEvent | None:
        """Return the event that waits longest of the partitions not probed, else of the one probed first."""
        order = {partition: place for place, partition in enumerate(self._sent, 1)}
        return min(waiting, key=lambda event: order.get(event.partition, 0), default=None)
