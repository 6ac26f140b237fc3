"""A disk that loses its power: what a program wrote and synced, and what of it is left after a crash.

A `Disk` records every write, cut, sync and removal in one folder. After a crash it holds what was
synced, and of the rest what chance leaves: nothing, all, the first part with the last write torn, or
here and there a sector. That is more than disks do, and no more than they may do: a sector of 512
bytes is written or not, and SQLite counts on nothing else (https://www.sqlite.org/atomiccommit.html).
"""

import random
from dataclasses import dataclass, field
from typing import TypeAlias

SECTOR_BYTES = 512


@dataclass(frozen=True)
class Written:
    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    file: str
    size: int


@dataclass(frozen=True)
class Synced:
    file: str


@dataclass(frozen=True)
class NotSynced:
    """A sync that failed. Linux then drops the unwritten pages and calls the next sync a success
    (https://www.usenix.org/conference/atc20/presentation/rebello)."""

    file: str


@dataclass(frozen=True)
class Removed:
    file: str
    synced: bool


Change: TypeAlias = Written | Cut | Synced | NotSynced | Removed


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Written | Cut] = field(default_factory=list)
    # Whether its name in the folder is durable: the file, however well synced, is found by it.
    named: bool = False

    def sync(self, odds: random.Random | None = None) -> None:
        """Make all durable, or with *odds* what chance leaves, and forget the rest."""
        for change in self.unsynced if odds is None else _survivors(self.unsynced, odds):
            _apply(self.durable, change)
        self.unsynced.clear()

    def after_crash(self, odds: random.Random) -> bytes:
        left = bytearray(self.durable)
        for change in _survivors(self.unsynced, odds):
            _apply(left, change)
        return bytes(left)


@dataclass
class Disk:
    """The files of one folder, by name; *odds* decide what becomes durable without a sync."""

    odds: random.Random
    files: dict[str, _File] = field(default_factory=dict)
    # Removed, but a crash may bring them back.
    _removed: dict[str, _File] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        """Do what the program did."""
        file = self.files.setdefault(change.file, _File())
        if isinstance(change, Removed):
            self._removed[change.file] = self.files.pop(change.file)
            if change.synced:
                self._sync_folder()
        elif isinstance(change, NotSynced):
            file.sync(self.odds)
        elif isinstance(change, Synced):
            file.sync()
            # SQLite syncs the folder with each log and journal that it made (os_unix.c, unixSync).
            if change.file.endswith(("-wal", "-journal")):
                self._sync_folder()
        else:
            file.unsynced.append(change)

    def after_crash(self) -> dict[str, bytes]:
        """Return the files as they are found when the power is back."""
        odds = self.odds
        removed = {name: file for name, file in self._removed.items() if file.named and odds.random() < 0.5}
        there = {name: file for name, file in self.files.items() if file.named or odds.random() < 0.5}
        return {name: file.after_crash(odds) for name, file in {**removed, **there}.items()}

    def _sync_folder(self) -> None:
        self._removed.clear()
        for file in self.files.values():
            file.named = True


def _survivors(changes: list[Written | Cut], odds: random.Random) -> list[Written | Cut]:
    kind = odds.random()
    if kind < 0.15:
        return []
    if kind < 0.3:
        return changes
    if kind < 0.6:
        return _first(changes, odds)
    share = odds.random()
    return [sector for change in changes for sector in _sectors(change) if odds.random() < share]


def _first(changes: list[Written | Cut], odds: random.Random) -> list[Written | Cut]:
    if not changes:
        return []
    last = odds.randrange(len(changes))
    torn = _sectors(changes[last])
    return [*changes[:last], *torn[: odds.randrange(len(torn) + 1)]]


def _sectors(change: Written | Cut) -> list[Written | Cut]:
    """Take a write apart at the borders of sectors of the disk."""
    if isinstance(change, Cut):
        return [change]
    found: list[Written | Cut] = []
    begin = 0
    while begin < len(change.data):
        end = begin + SECTOR_BYTES - (change.offset + begin) % SECTOR_BYTES
        found.append(Written(change.file, change.offset + begin, change.data[begin:end]))
        begin = end
    return found


def _apply(content: bytearray, change: Written | Cut) -> None:
    if isinstance(change, Cut):
        del content[change.size :]
        content.extend(bytes(max(0, change.size - len(content))))
    else:
        content.extend(bytes(max(0, change.offset - len(content))))
        content[change.offset : change.offset + len(change.data)] = change.data
