"""A fault of a row: its place, what was expected, and what was found."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# One wrong setting, such as a missing time zone, makes the same fault in every row.
MOST_OF_A_KIND = 50


@dataclass(frozen=True)
class Fault:
    """A fault of one row. `column` is empty if the whole row is faulty."""

    file: str
    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.column}: {self.text}" if self.column else f"{where}: {self.text}"

    @property
    def kind(self) -> str:
        """The column and what was expected, without what was found."""
        expected = self.text.partition(", got")[0]
        return f"{self.column}: {expected}" if self.column else expected


class FaultLog:
    """The lines to print of many faults: the first `MOST_OF_A_KIND` of each kind, then their number."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._kinds.total()

    def lines(self, faults: Iterable[Fault]) -> Iterator[str]:
        """Count *faults*, and yield the line of each one that is printed."""
        for fault in faults:
            self._kinds[fault.kind] += 1
            if self._kinds[fault.kind] <= MOST_OF_A_KIND:
                yield str(fault)

    def left_out(self) -> Iterator[str]:
        """Yield a line for each kind with faults that were not printed."""
        for kind, number in self._kinds.items():
            if number > MOST_OF_A_KIND:
                yield f"{number - MOST_OF_A_KIND:,} more with the same fault: {kind}"
