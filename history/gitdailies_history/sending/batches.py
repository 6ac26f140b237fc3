"""Cut a stream of events into requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitdailies_history.plan.encoding import Entry

# The DORA server takes at most 10,000 events and 8 MiB in one request (docs/dora-server.md).
# Both sides sync once for each list, and the ids of a longer one share more pages of the receiver's index.
MOST_EVENTS = 10_000
MOST_BYTES = 8 * 1024 * 1024 - 64 * 1024


def cut(entries: Iterable[Entry], *, most: int = MOST_EVENTS) -> Iterator[list[Entry]]:
    """Cut a stream into lists of at most *most* events and `MOST_BYTES` bytes, in order."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        # The size in UTF-8 with the comma. The margin is for fields that the dialect renames.
        length = (len(entry.body) if entry.body.isascii() else len(entry.body.encode())) + 64
        if batch and (len(batch) >= most or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch


def halves(batch: list[Entry]) -> list[list[Entry]]:
    """Cut a list in two, for a receiver that finds it too large."""
    middle = (len(batch) + 1) // 2
    return [part for part in (batch[:middle], batch[middle:]) if part]
