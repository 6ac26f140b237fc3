"""A fault of a row: its place, what was expected, and what was found."""

from __future__ import annotations

from dataclasses import dataclass


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
