"""What is known of incidents amid a batch: what is stored, and what the batch has decided so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gitdailies_core.incidents.records import MERGED, Key, Occurrence

from gitdailies_relay.accepting.store_port import Rows, Whose, row_of


class BatchLedger:
    """The records of one source at one destination, for gitdailies_core.incidents.state_machine."""

    def __init__(self, rows: Rows, whose: Whose) -> None:
        self._rows = rows
        self._whose = whose
        self._known: dict[str, dict[Key, Occurrence]] = {}
        # By incident, as it is put; and when.
        self._changed: dict[str, dict[Key, tuple[Occurrence, int]]] = {}
        # The keys of records that were ever merged in this batch: mostly none.
        self._merged: set[Key] = set()

    def occurrences(self, incident: str) -> Sequence[Occurrence]:
        known = self._known.get(incident)
        if known is None:
            records = self._rows.periods(self._whose, incident)
            known = self._known[incident] = {record.key: record for record in records} if records else {}
            for key, (record, _) in self._changed.get(incident, {}).items():
                known[key] = record
        return list(known.values())

    def waiting(self, incident: str) -> Sequence[Occurrence]:
        found = {record.key: record for record in self._rows.waiting(self._whose, incident)}
        for key in (*found, *self._merged):
            changed = self._changed.get(key[0], {}).get(key)
            if changed is not None:
                found[key] = changed[0]
        return [r for r in found.values() if r.state == MERGED and r.merged_into == incident]

    def put(self, records: Sequence[Occurrence], changed_at: int) -> None:
        for record in records:
            key, incident = record.key, record.incident
            self._changed.setdefault(incident, {})[key] = (record, changed_at)
            if record.state == MERGED:
                self._merged.add(key)
            if incident in self._known:
                self._known[incident][key] = record

    def changed(self) -> Iterator[tuple[Any, ...]]:
        """Return a row for each record that was put, as it is now."""
        for records in self._changed.values():
            for record, changed_at in records.values():
                yield row_of(self._whose, record, changed_at)
