"""Read CSV, NDJSON and JSON as rows, each with its first line. Pure: the input is lines of bytes.

A row that cannot be read is a fault and does not stop later rows. A header that cannot be used stops the
file, because its rows would mean nothing.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeAlias

from gitdailies_core.error_text import got
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.values import strict_json
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_history.files.mapping import FIELDS, REQUIRED, Mapped
from gitdailies_history.files.rows import Row
from gitdailies_history.plan.faults import Fault

CSV, NDJSON, JSON = "csv", "ndjson", "json"
FORMATS = (CSV, NDJSON, JSON)
SUFFIXES = {".csv": CSV, ".tsv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": JSON}
# A JSON list is held in memory as a whole. NDJSON is read line by line and has no limit.
LARGEST_JSON = 64 * 1024 * 1024
_DELIMITERS = (",", ";", "\t")
_LIST = re.compile(rb'\s*(?:\{\s*"events"\s*:\s*)?\[')
_BETWEEN = re.compile(r"\s*,?\s*")
_PLACE = re.compile(r" at line [0-9]+, column [0-9]+(?=: )")
# First bytes of files that are not UTF-8 text, and what to do.
_NO_TEXT = {
    b"\xff\xfe": "UTF-16; save it as CSV UTF-8",
    b"\xfe\xff": "UTF-16; save it as CSV UTF-8",
    b"\x1f\x8b": "what gzip packed; unpack it first",
    b"PK\x03\x04": "a workbook or an archive; save the sheet as CSV UTF-8",
}
_SHOWN = 60
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Bad:
    """A row that cannot be read: its fault and its bytes."""

    fault: Fault
    raw: bytes


@dataclass(frozen=True)
class Header:
    """The first row of a CSV file: its bytes, and the columns that no event has, as messages show them."""

    raw: bytes
    unknown: tuple[str, ...]


Item: TypeAlias = Row | Bad | Header


def sniffed(start: bytes) -> str:
    """Return the format, judged by the first character of the text."""
    text = start.removeprefix(_BOM).lstrip()
    return NDJSON if text.startswith(b"{") else JSON if text.startswith(b"[") else CSV


def items(format_: str, lines: Iterable[bytes], file: str, mapped: Mapped) -> Iterator[Item]:
    """Read *lines*, which include their line ends, as rows of *format_*."""
    waiting = iter(lines)
    whole = chain((first.removeprefix(_BOM) for first in islice(waiting, 1)), waiting)
    if format_ == CSV:
        return _csv(whole, file, mapped)
    return _ndjson(whole, file) if format_ == NDJSON else _json(whole, file)


def _texts(lines: Iterable[bytes], taken: list[bytes]) -> Iterator[str]:
    """Yield lines as text for the csv module, and add the bytes of each to *taken*.

    Bytes that are not UTF-8 become lone surrogates, which no valid text has. So the cell that holds them can
    be found.
    """
    for line in lines:
        taken.append(line)
        yield line.decode("utf-8", "surrogateescape")


def _csv(lines: Iterator[bytes], file: str, mapped: Mapped) -> Iterator[Item]:
    first = next(lines, b"")
    other = next((what for begin, what in _NO_TEXT.items() if first.startswith(begin)), None)
    if other is not None:
        yield Bad(Fault(file, 1, "", f"expected UTF-8, got {other}"), first)
        return
    delimiter = max(_DELIMITERS, key=lambda one: first.count(one.encode()))
    # The lines of the current row.
    taken: list[bytes] = []
    # strict: otherwise a quote that is never closed takes the rest of the file.
    reader = csv.reader(_texts(chain((first,), lines), taken), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # The csv module's own message is for programmers.
            why = "lines that end with CR alone" if "new-line" in str(error) else str(error)
            text = f"expected cells, quoted where they hold {delimiter!a} or quotes, got: {why}"
            yield Bad(Fault(file, line, "", text), b"".join(taken))
            if columns is None:
                return
            continue
        if cells is None:
            if columns is None:
                yield Bad(Fault(file, 1, "", "expected a header with the names of columns, got nothing"), b"")
            return
        # Before the header, Excel may have a first line of its own.
        if not any(cells) or (line == 1 and delimiter.join(cells).lower() == f"sep={delimiter}"):
            continue
        raw = b"".join(taken)
        if columns is None:
            columns = [cell.strip() for cell in cells]
            faults = list(_header_faults(columns, file, line, mapped))
            yield from (Bad(fault, raw) for fault in faults)
            if faults:
                return
            yield Header(raw, tuple(_unknown(columns, mapped)))
        elif len(cells) != len(columns):
            text = f"expected {len(columns)} cells as in the header, got {len(cells)}"
            yield Bad(Fault(file, line, "", text), raw)
        elif not raw.isascii() and (bad := next((one for one in cells if _broken(one)), None)) is not None:
            shown = ascii(bad[:_SHOWN].encode("utf-8", "surrogateescape"))[1:]
            text = f"expected UTF-8, got other bytes: {shown}"
            yield Bad(Fault(file, line, columns[cells.index(bad)], text), raw)
        else:
            yield Row(file, line, dict(zip(columns, cells, strict=True)), raw)


def _header_faults(columns: list[str], file: str, line: int, mapped: Mapped) -> Iterator[Fault]:
    if any(_broken(name) for name in columns):
        yield Fault(file, line, "", "expected UTF-8, got other bytes in the header")
        return
    for name in sorted({name for name in columns if columns.count(name) > 1 and mapped.knows(name)}):
        yield Fault(file, line, name, f"expected one column of this name, got {columns.count(name)}")
    unknown = [name for name in columns if name not in FIELDS]
    for name in sorted(mapped.needed - set(columns)):
        yield Fault(
            file, line, name, f"expected a column of this name, got none{did_you_mean(name, unknown)}"
        )


def _unknown(columns: list[str], mapped: Mapped) -> Iterator[str]:
    free = FIELDS.difference(columns, *(rule.filled for rule in mapped.rules))
    for name in columns:
        if not mapped.knows(name):
            hint = did_you_mean(name, free, needed=REQUIRED & free).removeprefix("; ")
            yield f"{name} ({hint})" if hint else name


def _ndjson(lines: Iterator[bytes], file: str) -> Iterator[Item]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _row(line, file, number, line)


def _json(lines: Iterator[bytes], file: str) -> Iterator[Item]:
    size, parts = 0, []
    for line in lines:
        size += len(line)
        parts.append(line)
        if size > LARGEST_JSON:
            text = f"expected at most {LARGEST_JSON} bytes of JSON, got more; NDJSON has no limit"
            yield Bad(Fault(file, 1, "", text), b"")
            return
    body = b"".join(parts)
    parts.clear()
    begin = _LIST.match(body)
    if begin is None:
        yield _row(body, file, 1, body)
        return
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        bad_line = body.count(b"\n", 0, error.start) + 1
        yield Bad(Fault(file, bad_line, "", "expected UTF-8, got other bytes"), b"")
        return
    yield from _elements(text, len(body[: begin.end()].decode()), file)


def _elements(text: str, position: int, file: str) -> Iterator[Item]:
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    while True:
        position = found.end() if (found := _BETWEEN.match(text, position)) else position
        line, counted = line + text.count("\n", counted, position), position
        if text.startswith("]", position):
            return
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            known = isinstance(error, json.JSONDecodeError)
            reason = strict_json.parse_fault(error) if known else "too many levels"
            yield Bad(Fault(file, line, "", f"not valid JSON: {reason}"), b"")
            return
        raw = text[position:end].encode("utf-8", "surrogatepass")
        # Line ends in JSON occur only between its parts.
        yield _row(raw, file, line, raw.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
        position = end


def _row(body: bytes, file: str, line: int, raw: bytes) -> Item:
    try:
        value = strict_json.loads(body, duplicates=False)
    except UnreadableBody as error:
        # Line and column of the row would look like those of the file.
        return Bad(Fault(file, line, "", _PLACE.sub("", str(error).removeprefix("body: "))), raw)
    if not isinstance(value, dict):
        return Bad(Fault(file, line, "", f"expected an object, got {got(value)}"), raw)
    return Row(file, line, value, raw, strays=True)


def _broken(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)
