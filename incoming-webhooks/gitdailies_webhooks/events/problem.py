"""What is wrong with a request, as problem details of RFC 9457: one table of words, one value.

A word stands in `type` (after the urn), and in a list's results as `status`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gitdailies_core.errors import (
    BodyTooLarge,
    GitDailiesError,
    InvalidEvent,
    StoreUnavailable,
    UnreadableBody,
)

from gitdailies_webhooks.accounts.keys import without_keys

MEDIA_TYPE = "application/problem+json"
_URN = "urn:gitdailies:problem:"
_COME_AGAIN_SECONDS = 5

# Word: HTTP status, title.
PROBLEMS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "request": (400, "The request is not as this interface has it"),
        "key-in-url": (400, "A key does not belong in an address"),
        "unreadable": (400, "The body cannot be read"),
        "unauthorized": (401, "No live key"),
        "forbidden": (403, "The key does not allow this"),
        "not-found": (404, "Not here"),
        "method": (405, "Not with this method"),
        "timeout": (408, "The body did not arrive in time"),
        "conflict": (409, "The id is taken by another event"),
        "out-of-order": (409, "The event is older than one that is here"),
        "too-large": (413, "The body is too large"),
        "media-type": (415, "The body is not plain JSON"),
        "invalid": (422, "The event is not valid"),
        "too-many": (429, "Too many requests without a live key"),
        "fault": (500, "A fault of the server"),
        "unavailable": (503, "The store cannot be used now"),
    }
)


@dataclass(frozen=True)
class Problem:
    """A word of the table, what exactly is wrong, and the event's field at fault where there is one."""

    word: str
    detail: str
    field: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> int:
        return PROBLEMS[self.word][0]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        body = {
            "type": _URN + self.word,
            "title": PROBLEMS[self.word][1],
            "status": self.status,
            "detail": without_keys(self.detail),
        }
        return {**body, "field": self.field} if self.field else body


class Refusal(GitDailiesError):
    """A request that is answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.status_hint = problem.status


def refusal(word: str, detail: str, **headers: str) -> Refusal:
    """Make the error to raise; *headers* are header names with `_` for `-`."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Refusal(Problem(word, detail, headers=named))


def of_error(error: GitDailiesError) -> Problem:
    """Say one of our errors as a problem; one that no caller can cause is the server's fault."""
    if isinstance(error, Refusal):
        return error.problem
    if isinstance(error, BodyTooLarge):
        # What the sender still writes is not read, so nothing else can come over this connection.
        return Problem("too-large", str(error), headers=(("Connection", "close"),))
    if isinstance(error, UnreadableBody):
        return Problem("unreadable", str(error))
    if isinstance(error, InvalidEvent):
        return Problem("invalid", str(error), error.field)
    if isinstance(error, StoreUnavailable):
        # What the disk said is in the log; a sender only needs to know that trying again is right.
        return Problem(
            "unavailable",
            "store: expected to write and read it, got a fault; nothing of this request was stored",
            headers=(("Retry-After", str(_COME_AGAIN_SECONDS)),),
        )
    return Problem("fault", "expected to answer, got a fault of the server")
