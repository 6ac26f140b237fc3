"""The calls that each client here makes, in order, with one session; it prints the status of each answer.

A line of the file has, between tabs: the URL, `length` or `chunked`, the file of the body, and the headers.
"""

from collections.abc import Iterator
from pathlib import Path


def calls(file: str) -> Iterator[tuple[str, bool, bytes, dict[str, str]]]:
    for line in Path(file).read_text().splitlines():
        url, mode, body, *fields = line.split("\t")
        headers = dict(field.split(": ", 1) for field in fields)
        yield url, mode == "chunked", Path(body).read_bytes(), headers


def parts(body: bytes) -> Iterator[bytes]:
    return (body[at : at + 16384] for at in range(0, len(body), 16384))
