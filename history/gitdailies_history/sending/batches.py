"""How a stream of events is cut into requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitdailies_history.plan.entries import Entry

# What incoming webhooks take at most in one request (docs/incoming-webhooks.md): 10,000 events, 8 MiB.
# Half of it: what a longer list saves the receiver no longer shows, and it is soon sent again after a fault.
MOST_EVENTS = 5_000
MOST_BYTES = 8 * 1024 * 1024 - 64 * 1024


def cut(entries: Iterable[Entry], *, most: int = MOST_EVENTS) -> Iterator[list[Entry]]:
    """Cut a stream into lists of at most *most* events and `MOST_BYTES` bytes, in order."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        # As the longest UTF-8 has it, with the comma; the dialect may rename, so there is a margin.
        length = (len(entry.body) if entry.body.isascii() else len(entry.body.encode())) + 64
        if batch and (len(batch) >= most or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch


def halves(batch: list[Entry]) -> list[list[Entry]]:
    """Cut a list in two, where the receiver finds it too large."""
    middle = (len(batch) + 1) // 2
    return [part for part in (batch[:middle], batch[middle:]) if part]
