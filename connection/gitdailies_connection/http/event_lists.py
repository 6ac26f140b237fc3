"""Several events in one request, for a receiver of ours: the body, and the result of each event.

The form is that of the DORA server: a JSON array, answered with `{"results": [{"status", "error"}]}`.
"""

from dataclasses import dataclass

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.values.secret import Secret, redact

from gitdailies_connection.http.response import Response, excerpt

CREATED, UNCHANGED = "created", "unchanged"
# A result has about a hundred bytes; a reason may be longer.
LARGEST_ANSWER = 16 * 1024 * 1024


@dataclass(frozen=True)
class EventResult:
    """The result of one event: the status that the receiver gave it, and for a refusal a short reason."""

    status: str
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the receiver has the event, from this request or from an earlier one."""
        return self.status in (CREATED, UNCHANGED)


_ACCEPTED = {status: EventResult(status) for status in (CREATED, UNCHANGED)}


def parse_results(answer: Response, count: int, *secrets: Secret) -> list[EventResult]:
    """Parse the answer to a list of *count* events; *secrets* are removed from its texts.

    A request that was refused as a whole has no results. Raises UnreadableBody if the answer does not
    have a result for every event.
    """
    if not 200 <= answer.status < 300:
        return []
    body = answer.json()
    items = body.get("results") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != count:
        raise UnreadableBody(f"answer: expected results for {count} events, got something else")
    return [_parse_result(item, secrets) for item in items]


def _parse_result(item: object, secrets: tuple[Secret, ...]) -> EventResult:
    status = item.get("status") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(status, str):
        raise UnreadableBody("answer: expected a status for each event, got something else")
    if status in _ACCEPTED:
        return _ACCEPTED[status]
    reason = item.get("error")
    return EventResult(status, excerpt(redact(reason if isinstance(reason, str) else status, *secrets)))
