"""A ledger that lives in memory: for `gitdailies translate`, for tests, for trying a rule."""

from __future__ import annotations

from collections.abc import Sequence

from gitdailies_core.incidents.records import MERGED, Decision, Key, Ledger, Period


class MemoryLedger(Ledger):
    """The records of one source, empty at first; `apply` writes what was decided."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Key, Period]] = {}
        self._into: dict[str, dict[Key, Period]] = {}

    def periods(self, incident: str) -> Sequence[Period]:
        return tuple(self._of.get(incident, {}).values())

    def waiting(self, incident: str) -> Sequence[Period]:
        return tuple(self._into.get(incident, {}).values())

    def apply(self, decision: Decision) -> None:
        """Write the records of *decision*, each in place of the one with the same key."""
        for period in decision.records:
            records = self._of.setdefault(period.incident, {})
            before = records.get(period.key)
            if before is not None and before.state == MERGED and before.merged_into:
                self._into[before.merged_into].pop(period.key)
            records[period.key] = period
            if period.state == MERGED and period.merged_into:
                self._into.setdefault(period.merged_into, {})[period.key] = period
