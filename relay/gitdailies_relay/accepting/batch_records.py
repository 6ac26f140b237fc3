"""The records of incidents while a batch of deliveries is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gitdailies_core.incidents.records import MERGED, Key, Occurrence

from gitdailies_relay.accepting.store_port import AcceptanceStore, Owner, row_of


class BatchRecords:
    """The records of one source at one destination: the stored ones, with the changes of this batch.

    Implements the records that gitdailies_core.incidents.state_machine decides from.
    """

    def __init__(self, store: AcceptanceStore, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._known: dict[str, dict[Key, Occurrence]] = {}
        # By incident: each changed record, and when it changed (µs).
        self._changed: dict[str, dict[Key, tuple[Occurrence, int]]] = {}
        # The keys of the records that this batch merged. Mostly there are none.
        self._merged: set[Key] = set()

    def occurrences(self, incident: str) -> Sequence[Occurrence]:
        known = self._known.get(incident)
        if known is None:
            records = self._store.occurrences(self._owner, incident)
            known = self._known[incident] = {record.key: record for record in records} if records else {}
            for key, (record, _) in self._changed.get(incident, {}).items():
                known[key] = record
        return list(known.values())

    def waiting(self, incident: str) -> Sequence[Occurrence]:
        found = {record.key: record for record in self._store.merged_into(self._owner, incident)}
        for key in (*found, *self._merged):
            changed = self._changed.get(key[0], {}).get(key)
            if changed is not None:
                found[key] = changed[0]
        return [r for r in found.values() if r.state == MERGED and r.merged_into == incident]

    def put(self, records: Sequence[Occurrence], changed_at: int) -> None:
        """Take over *records* as a decision changed them at *changed_at* (µs)."""
        for record in records:
            key, incident = record.key, record.incident
            self._changed.setdefault(incident, {})[key] = (record, changed_at)
            if record.state == MERGED:
                self._merged.add(key)
            if incident in self._known:
                self._known[incident][key] = record

    def changed_rows(self) -> Iterator[tuple[Any, ...]]:
        """Return a row for each changed record, as it is now."""
        for records in self._changed.values():
            for record, changed_at in records.values():
                yield row_of(self._owner, record, changed_at)
