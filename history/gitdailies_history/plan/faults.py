"""What is wrong with a row: where it stands, what was expected, and what stands there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault of one row; `column` is empty where the row as a whole is at fault."""

    file: str
    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.column}: {self.text}" if self.column else f"{where}: {self.text}"
