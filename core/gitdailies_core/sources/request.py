"""A delivery as plain values: its method, path, query, headers and exact body."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from gitdailies_core.errors import PayloadError, UnreadableBody
from gitdailies_core.values import strict_json

FORM = "application/x-www-form-urlencoded"
_MOST_FORM_FIELDS = 200
# A sender that proves itself in the query, or names a message there, needs a few.
MOST_QUERY_FIELDS = 50
NO_QUERY: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """One delivery: its headers, with names in lower case, and its exact body bytes.

    `received_at` is when it came, aware UTC, or None if it is not known. `query` has the last value of
    each parameter. Headers and query may hold a secret, so neither is in the repr.
    """

    headers: Mapping[str, str]
    body: bytes
    decode: Callable[[bytes], Any] = strict_json.loads
    received_at: datetime | None = None
    method: str = "POST"
    path: str = ""
    query: Mapping[str, str] = NO_QUERY

    def __repr__(self) -> str:
        return f"Request(received_at={self.received_at!r}, method={self.method!r}, path={self.path!r})"

    @classmethod
    def make(
        cls,
        *,
        headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]],
        body: bytes,
        decode: Callable[[bytes], Any] = strict_json.loads,
        received_at: datetime | None = None,
        method: str = "POST",
        path: str = "",
        query: Mapping[str, str] = NO_QUERY,
    ) -> "Request":
        """Build a request. *headers* is a mapping or raw (name, value) pairs; *decode* decodes JSON."""
        if isinstance(headers, Mapping):
            headers = [(_bytes(name), _bytes(value)) for name, value in headers.items()]
        return cls(decode_headers(headers), body, decode, received_at, method, path, query)

    def header(self, name: str) -> str:
        """Return a header's value, or "" if there is no such header. Case does not matter."""
        return self.headers.get(name.lower(), "")

    def received(self, missing: str) -> datetime:
        """Return when the delivery came, for a message without a time. Raises PayloadError *missing*."""
        if self.received_at is None:
            raise PayloadError(missing)
        return self.received_at

    def json(self) -> Any:
        """Decode the body as strict JSON. Raises UnreadableBody."""
        return self.decode(self.body)

    def form(self) -> dict[str, str]:
        """Decode the body as a form. If a name occurs twice, the last one counts. Raises UnreadableBody."""
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


def decode_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Decode raw (name, value) pairs to text by name in lower case.

    Values of a repeated header are joined with a comma (RFC 9110, section 5.3). Bytes that are
    not UTF-8 are decoded as Latin-1, so no header can raise an error.
    """
    headers: dict[str, str] = {}
    for given, raw in pairs:
        name = _header_name(given)
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            value = raw.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def decode_query(raw: bytes) -> Mapping[str, str]:
    """Decode a query to text by name. If a name occurs twice, the last one counts.

    Bytes that are not UTF-8 are decoded as Latin-1, so they raise no error. Raises UnreadableBody for
    more than MOST_QUERY_FIELDS parameters; the message repeats none of them.
    """
    if not raw:
        return NO_QUERY
    text = str(raw, "latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1", max_num_fields=MOST_QUERY_FIELDS)
    except ValueError:
        raise UnreadableBody(f"query: expected at most {MOST_QUERY_FIELDS} parameters, got more") from None
    return MappingProxyType({_query_text(name): _query_text(value) for name, value in pairs})


def _query_text(latin: str) -> str:
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return latin


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# All senders use the same few names. The cache drops rare ones.
@lru_cache(256)
def _header_name(given: bytes) -> str:
    try:
        return str(given, "utf-8").lower()
    except UnicodeDecodeError:
        return str(given, "latin-1").lower()
