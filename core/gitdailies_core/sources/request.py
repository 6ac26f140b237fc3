"""A delivery as it came in, and an answer: plain values, no framework, no socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Callable
from urllib.parse import parse_qsl

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.values import strict_json

FORM = "application/x-www-form-urlencoded"
_MOST_FORM_FIELDS = 200


@dataclass(frozen=True)
class Request:
    """The headers (names in lower case) and exact body bytes of one delivery."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    decode: Callable[[bytes], Any] = field(default=strict_json.loads, repr=False)

    @classmethod
    def make(
        cls,
        *,
        headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]],
        body: bytes,
        decode: Callable[[bytes], Any] = strict_json.loads,
    ) -> Request:
        """Build a request from a mapping or from raw (name, value) pairs. *decode* reads JSON."""
        if isinstance(headers, Mapping):
            headers = [(_bytes(name), _bytes(value)) for name, value in headers.items()]
        return cls(read_headers(headers), body, decode)

    def header(self, name: str) -> str:
        """Return a header's value, or "" where there is none."""
        return self.headers.get(name.lower(), "")

    def json(self) -> Any:
        """Decode the body as strict JSON; raises UnreadableBody."""
        return self.decode(self.body)

    def form(self) -> dict[str, str]:
        """Decode the body as a form, the last of equal names holding; raises UnreadableBody."""
        try:
            pairs = parse_qsl(
                self.body.decode("utf-8"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=_MOST_FORM_FIELDS,
            )
            if not pairs:
                raise ValueError
        except ValueError:
            raise UnreadableBody(
                f"body: expected at most {_MOST_FORM_FIELDS} name=value pairs in UTF-8, got something else"
            ) from None
        return dict(pairs)

    @property
    def is_form(self) -> bool:
        return self.header("content-type").split(";")[0].strip().lower() == FORM


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Read raw (name, value) pairs as texts by their names in lower case.

    A header that stands twice is joined with a comma, as RFC 9110 section 5.3 has it;
    bytes that are no UTF-8 are read as Latin-1, so that no header can raise.
    """
    read: dict[str, str] = {}
    for given, raw in pairs:
        name = _name(given)
        try:
            value = str(raw, "utf-8")
        except UnicodeDecodeError:
            value = str(raw, "latin-1")
        read[name] = f"{read[name]}, {value}" if name in read else value
    return read


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# The names are a few, whoever sends them; others are soon forgotten.
@lru_cache(256)
def _name(given: bytes) -> str:
    try:
        return str(given, "utf-8").lower()
    except UnicodeDecodeError:
        return str(given, "latin-1").lower()
