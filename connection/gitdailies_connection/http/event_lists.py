"""Several events in one request, for a receiver of ours: what goes out, and what its answer says of each.

The form is incoming webhooks' own: a JSON array, answered with `{"results": [{"status", "error"}]}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.values.secret import Secret, redact

from gitdailies_connection.http.response import Response, excerpt

CREATED, UNCHANGED = "created", "unchanged"
# A result is some hundred bytes; a reason may be longer.
LARGEST_ANSWER = 16 * 1024 * 1024


@dataclass(frozen=True)
class EventResult:
    """What became of one event: the receiver's word for it, and in a short line why, where it was refused."""

    status: str
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the receiver has the event, from this request or from one before."""
        return self.status in (CREATED, UNCHANGED)


def join_events(events: Iterable[bytes]) -> bytes:
    """Join events, each written as JSON, to the body of one request."""
    return b"[" + b",".join(events) + b"]"


def parse_results(answer: Response, count: int, *secrets: Secret) -> list[EventResult]:
    """Read the answer to a list of *count* events; *secrets* are struck from what the receiver says.

    A request that was refused whole has no results. Raises UnreadableBody where the answer does
    not speak of every event.
    """
    if not 200 <= answer.status < 300:
        return []
    body = answer.json()
    told = body.get("results") if isinstance(body, dict) else None
    if not isinstance(told, list) or len(told) != count:
        raise UnreadableBody(f"answer: expected results for {count} events, got something else")
    return [_result(one, secrets) for one in told]


def _result(told: object, secrets: tuple[Secret, ...]) -> EventResult:
    word = told.get("status") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(word, str):
        raise UnreadableBody("answer: expected a status for each event, got something else")
    if word in (CREATED, UNCHANGED):
        return EventResult(word)
    reason = told.get("error")
    return EventResult(word, excerpt(redact(reason if isinstance(reason, str) else word, *secrets)))
