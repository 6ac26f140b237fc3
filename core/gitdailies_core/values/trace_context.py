"""The trace of a request, by the header `traceparent`, https://www.w3.org/TR/trace-context/ (2021)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

HEADER = "traceparent"
# Our own header: the trace of each event of a list, in the order of the list. `traceparent` has room for one.
LIST_HEADER = "webhook-traces"
# A later version may have more fields. The version 255, and ids that are zero, are invalid.
_GIVEN = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
# The size of a full batch.
_LISTED = re.compile(r"(?!0{32})[0-9a-f]{32}(,(?!0{32})[0-9a-f]{32}){0,63}")


class Trace(NamedTuple):
    """The id of a trace, 32 hexadecimal digits, and its flags, two of them."""

    id: str
    flags: str = "00"

    def traceparent(self, span: str) -> str:
        """Return the header of a request of this trace; *span* names the request: 16 hexadecimal digits."""
        return f"00-{self.id}-{span}-{self.flags}"


def read(traceparent: str) -> Trace | None:
    """Read the header of a request; None if it is missing or malformed."""
    match = _GIVEN.fullmatch(traceparent)
    if match is None or (match[1] == "00" and match[4]):
        return None
    return Trace(match[2], match[3])


def ids(traceparent: str, traces: str) -> Sequence[str]:
    """Return the traces that the headers of a request name; a malformed header names none."""
    if _LISTED.fullmatch(traces):
        return traces.split(",")
    one = read(traceparent)
    return [one.id] if one else []
