"""Records in memory: for `gitdailies translate`, for tests, for trying a rule."""

from collections.abc import Sequence

from gitdailies_core.incidents.records import MERGED, Decision, Key, Occurrence, Records


class MemoryRecords(Records):
    """The records of one source, empty at first; `apply` writes what was decided."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Key, Occurrence]] = {}
        self._into: dict[str, dict[Key, Occurrence]] = {}

    def occurrences(self, incident: str) -> Sequence[Occurrence]:
        return tuple(self._of.get(incident, {}).values())

    def waiting(self, incident: str) -> Sequence[Occurrence]:
        return tuple(self._into.get(incident, {}).values())

    def apply(self, decision: Decision) -> None:
        """Write the records of *decision*, each in place of the one with the same key."""
        for record in decision.records:
            records = self._of.setdefault(record.incident, {})
            before = records.get(record.key)
            if before is not None and before.state == MERGED and before.merged_into:
                self._into[before.merged_into].pop(record.key)
            records[record.key] = record
            if record.state == MERGED and record.merged_into:
                self._into.setdefault(record.merged_into, {})[record.key] = record
