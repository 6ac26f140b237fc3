"""Which columns of a store may hold text of people, and how such a text is erased.

Each server has one table of `Texts`. The page about privacy is generated from it, `gitdailies erase` reads
it, and a test compares it with the schema: a new column without a line fails.
"""

from dataclasses import dataclass
from enum import Enum


class Treatment(Enum):
    """What `gitdailies erase --person` does with a column."""

    TEXT = "puts a mark in its place"
    JSON = "puts a mark in its place, inside the JSON"
    EVENT = "puts a mark in its place, in fields that do not count"
    BODY = "puts a mark in its place, anywhere in the body"
    COUNTS = "leaves it, and says where: figures or ids would change"
    LEFT = "leaves it: figures need it"
    NAME = "puts a mark in its place; an account that may sign in has to be removed first"
    KEY_NAME = "puts a mark in its place, with a number if another key has that name"
    NOTHING = "nothing: words of ours, hashes or commits"


@dataclass(frozen=True)
class Texts:
    """Columns of *table*, with spaces between, that hold one kind of text.

    For people: *what* they hold, how long they are *kept*, and what else erases them, *erased*.
    *row* is what a row of the table is called when it was changed. *key* names a row.
    """

    table: str
    named: str
    what: str
    kept: str
    erased: str
    treatment: Treatment
    row: str = ""
    key: str = "seq"

    @property
    def columns(self) -> list[str]:
        return self.named.split()
