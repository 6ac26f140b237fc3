"""Erase from a store while its server runs: small transactions with equal pauses between them.

`Erasure` says what to erase. `Erased` counts what was erased, and never holds the text. `Turns` gives one
transaction after another. `replace_text` does what the tables of `Texts` say.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from gitdailies_core.events.erasing import erase_text
from gitdailies_core.sources.stored_body import without_text
from gitdailies_core.values.erased_text import MARK, ErasedText

from gitdailies_server.storage.database import Database, Session, paced_transaction, reading
from gitdailies_server.storage.text_of_people import Texts, Treatment

# A running server stores nothing while a batch is written.
BATCH = 250
# Those of a text that a person sees before they erase, and how many characters on each side of the mark.
_PLACES, _AROUND = 5, 30
_SEARCHED = (Treatment.TEXT, Treatment.JSON, Treatment.EVENT, Treatment.BODY, Treatment.COUNTS)
# The columns of events that count are those of the event itself, which is searched.
_COUNTED_IN_BODY = "events"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Erasure:
    """What to erase, one of these: events by id, those of a folded *repo*, all before a moment, or a text.

    A *mark* is how the ids of events, or of their incidents, begin.
    """

    events: tuple[str, ...] = ()
    repo: str = ""
    before: datetime | None = None
    text: ErasedText | None = None
    mark: str = ""


@dataclass
class Erased:
    """What was erased, by kind; where the text had to stay, by kind and field; ids that nothing has.

    `events` are events that keep the text in a field that counts. `places` are the first ones: the
    column, and what is around the mark there.
    """

    counts: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


class Turns:
    """One transaction after another. With *dry*, each is rolled back, so that it only counts."""

    def __init__(self, database: Database, *, dry: bool) -> None:
        self.database = database
        self.dry = dry

    @contextmanager
    def turn(self) -> Iterator[Session]:
        """Open one transaction. After it, leave the server as much time. Raises StoreUnavailable."""
        with paced_transaction(self.database, "erase", dry=self.dry) as session:
            if self.database.is_local:
                session.execute("PRAGMA secure_delete=ON").fetchall()
            yield session

    def repeat(self, work: Callable[[Session], Counter[str]]) -> Counter[str]:
        """Run *work*, which does a batch, until it counts nothing; return what it counted."""
        total: Counter[str] = Counter()
        while True:
            with self.turn() as session:
                counted = work(session)
            total += counted
            if not counted:
                return total


def count_rows(database: Database, queries: Mapping[str, tuple[str, ...]], *values: Any) -> Counter[str]:
    """Count rows by kind, each with its queries, all with the same *values*. Nothing is locked."""
    counts: Counter[str] = Counter()
    with reading(database) as session:
        for kind, selects in queries.items():
            counts[kind] += sum(session.execute(one, values).fetchone()[0] for one in selects)
    return +counts


class _Change(NamedTuple):
    """A column of a row: its value, and the new one."""

    column: str
    key: Any
    old: Any
    new: Any


def replace_text(turns: Turns, table: Sequence[Texts], text: ErasedText, erased: Erased) -> None:
    """Put the mark in the place of *text*, wherever *table* says so, and add up what was found."""
    for line in table:
        if line.treatment not in _SEARCHED:
            continue
        if line.treatment is Treatment.COUNTS and line.table == _COUNTED_IN_BODY:
            continue
        for rows in _pages(turns.database, line):
            changes = [change for row in rows for change in _changes(line, row, text, erased)]
            erased.counts[line.row] += len({change.key for change in changes})
            if changes and not turns.dry:
                with turns.turn() as session:
                    for change in changes:
                        _write(session, line, change)


def _pages(database: Database, line: Texts) -> Iterator[list[tuple[Any, ...]]]:
    """Read the columns of a line, with the key first and, for a body, its content type last."""
    columns = ", ".join((line.key, *line.columns))
    if line.treatment is Treatment.BODY:
        columns += ", content_type"
    select = f"SELECT {columns} FROM {line.table}"  # noqa: S608  names of a table of this project
    numbered = line.key in ("seq", "id")
    after = -1
    while True:
        with reading(database) as session:
            if not numbered:
                yield session.execute(select).fetchall()
                return
            page = f"{select} WHERE {line.key} > ? ORDER BY {line.key} LIMIT ?"
            rows = session.execute(page, (after, BATCH)).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield rows


def _changes(line: Texts, row: tuple[Any, ...], text: ErasedText, erased: Erased) -> Iterator[_Change]:
    key, values = row[0], row[1 : 1 + len(line.columns)]
    for column, value in zip(line.columns, values, strict=True):
        if value is None:
            continue
        if line.treatment is Treatment.COUNTS:
            erased.left[f"{line.table}.{column}"] += isinstance(value, str) and text.is_in(value)
            continue
        new = _without(line.treatment, value, row[-1], text, erased)
        if new != value:
            if len(erased.places) < _PLACES:
                erased.places.append(f"{line.table}.{column}: {_around_mark(new)}")
            yield _Change(column, key, value, new)


def _around_mark(value: str | bytes) -> str:
    """Return the first mark in a value with the text around it, on one line."""
    text = value if isinstance(value, str) else value.decode(errors="replace")
    before, mark, after = text.partition(MARK)
    return " ".join(f"{before[-_AROUND:]}{mark}{after[:_AROUND]}".split())


def _without(treatment: Treatment, value: Any, content_type: str, text: ErasedText, erased: Erased) -> Any:
    if treatment is Treatment.BODY:
        return without_text(bytes(value), content_type, text)
    if treatment is Treatment.TEXT or not value:
        return text.out_of(value)
    content = json.loads(value)
    if not text.is_in_json(content):
        return value
    if treatment is Treatment.JSON:
        return _encode(text.out_of_json(content))
    found = erase_text(content, text)
    erased.left.update(f"event.{name}" for name in found.kept)
    id_ = str(content.get("id", ""))
    if found.kept and not text.is_in(id_):
        erased.events.append(id_)
    return value if found.body == content else _encode(found.body)


def _write(session: Session, line: Texts, change: _Change) -> None:
    # A row that was changed meanwhile is found by the next run.
    update = f"UPDATE {line.table} SET {change.column} = ? WHERE {line.key} = ? AND {change.column} = ?"  # noqa: S608
    session.executemany(update, [(change.new, change.key, change.old)])
