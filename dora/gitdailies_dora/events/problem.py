"""The problem with a request, as problem details of RFC 9457: a table of words, and one value.

The word is the end of `type`, after the urn. In the results of a list it is the `status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, NamedTuple

from gitdailies_core import errors as faults
from msgspec import Meta, Struct

from gitdailies_dora.accounts.keys.webhook_key import without_keys

MEDIA_TYPE = "application/problem+json"
URN = "urn:gitdailies:problem:"
_RETRY_AFTER_SECONDS = 5


class ProblemKind(NamedTuple):
    """The HTTP status of a problem, and its title: for programs, and for people where it differs."""

    status: int
    title: str
    for_people: str = ""

    @property
    def page_title(self) -> str:
        return self.for_people or self.title


PROBLEMS: Mapping[str, ProblemKind] = {
    "request": ProblemKind(
        400, "The request does not fit this API", "There is a mistake in the address or form"
    ),
    "key-in-url": ProblemKind(400, "The address contains a key"),
    "not-http": ProblemKind(400, "The bytes are not a request of HTTP/1.1"),
    "unreadable": ProblemKind(400, "The body cannot be read", "The form cannot be read"),
    "unauthorized": ProblemKind(401, "No valid key", "Sign in first"),
    "forbidden": ProblemKind(403, "The key does not allow this", "You may not do this"),
    "form": ProblemKind(403, "The form was not accepted"),
    "not-found": ProblemKind(404, "Not found"),
    "method": ProblemKind(405, "Method not allowed", "This page cannot be opened like this"),
    "timeout": ProblemKind(408, "The body did not arrive in time", "The form did not arrive in time"),
    "conflict": ProblemKind(409, "Another event has this id"),
    "out-of-order": ProblemKind(409, "The event is older than one that is stored"),
    "gone": ProblemKind(410, "The cursor was given before the store was restored"),
    "too-large": ProblemKind(413, "The body is too large", "The form is too large"),
    "media-type": ProblemKind(415, "The body is not plain JSON", "This is not one of our forms"),
    "invalid": ProblemKind(422, "The event is not valid"),
    "too-many": ProblemKind(429, "Too many requests without a valid key", "Too many attempts"),
    "head-too-large": ProblemKind(431, "The head of the request is too large"),
    "fault": ProblemKind(500, "Internal error", "Something went wrong on the server"),
    "not-implemented": ProblemKind(501, "The method or the transfer coding is not known here"),
    "issuer": ProblemKind(503, "The issuer of the ID token does not answer"),
    "busy": ProblemKind(503, "Too many questions at once", "Too many people ask at once"),
    "connections": ProblemKind(503, "Too many connections are open"),
    "bodies": ProblemKind(503, "Too many large bodies arrive at once"),
    "unavailable": ProblemKind(503, "The store is unavailable"),
}


# What the HTTP server answers by itself, before there is a request for the API.
OF_SERVER: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "not-http",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head-too-large",
    HTTPStatus.NOT_IMPLEMENTED: "not-implemented",
    HTTPStatus.SERVICE_UNAVAILABLE: "connections",
}


# A table in Markdown, as viewers of OpenAPI show it.
_HEAD = (f"The word after `{URN}`:\n", "| word | status | meaning |", "| --- | --- | --- |")
_ROWS = (f"| `{word}` | {kind.status} | {kind.title} |" for word, kind in PROBLEMS.items())
_URNS = [URN + word for word in PROBLEMS]
_TYPE = Meta(description="\n".join((*_HEAD, *_ROWS)), extra_json_schema={"format": "uri", "enum": _URNS})
_WHERE = Meta(description="where, what was expected, and what was found")


class FieldFault(Struct, frozen=True, kw_only=True):
    """One of several faults of an event."""

    field: Annotated[str, Meta(description="the wrong field; empty for the event itself")]
    detail: Annotated[str, _WHERE]


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fault of a request (RFC 9457)."""

    type: Annotated[str, _TYPE]
    title: str
    status: int
    detail: Annotated[str, _WHERE]
    field: Annotated[str, Meta(description="the wrong field of the event")] = ""
    errors: Annotated[
        tuple[FieldFault, ...], Meta(description="each fault of an event that has several")
    ] = ()


@dataclass(frozen=True)
class Problem:
    """A word of the table, the detail, and the wrong field of the event if there is one.

    If an event has several faults, `errors` has the field and the detail of each.
    """

    word: str
    detail: str
    field: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    errors: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> int:
        return PROBLEMS[self.word].status

    @property
    def details(self) -> ProblemDetails:
        """The answer about it."""
        return ProblemDetails(
            type=URN + self.word,
            title=PROBLEMS[self.word].title,
            status=self.status,
            detail=without_keys(self.detail),
            field=self.field,
            errors=tuple(
                FieldFault(field=field, detail=without_keys(detail)) for field, detail in self.errors
            ),
        )


def of_server(status: HTTPStatus, reason: str) -> Problem:
    """Return the problem for an error that the HTTP server answers by itself."""
    return Problem(OF_SERVER[status], reason)


class Refusal(faults.GitDailiesError):
    """A request that is refused with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.status_hint = problem.status

    def __reduce__(self) -> "tuple[type[Refusal], tuple[Problem]]":
        # A process that reads for a question may refuse it.
        return Refusal, (self.problem,)


class StoreTimeout(faults.StoreUnavailable):
    """A write did not end in time. It may end later."""


def refusal(word: str, detail: str, **headers: str) -> Refusal:
    """Return the error to raise; *headers* are names with `_` for `-`, and their text."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Refusal(Problem(word, detail, headers=named))


def of_error(error: faults.GitDailiesError) -> Problem:
    """Return the problem for one of our errors; an error that no caller can cause is internal."""
    if isinstance(error, Refusal):
        return error.problem
    if isinstance(error, faults.BodyTooLarge):
        return Problem("too-large", str(error))
    if isinstance(error, faults.UnreadableBody):
        return Problem("unreadable", str(error))
    if isinstance(error, faults.InvalidEvent):
        several = error.faults if len(error.faults) > 1 else ()
        errors = tuple((fault.field, str(fault)) for fault in several)
        return Problem("invalid", str(error), error.field, errors=errors)
    if isinstance(error, faults.StoreBusy):
        return Problem("busy", str(error), headers=(("Retry-After", str(_RETRY_AFTER_SECONDS)),))
    if isinstance(error, faults.StoreUnavailable):
        # The log has the error of the disk. The sender needs to know only that it can send again.
        stored = "nothing of this request was stored, send it again later"
        if isinstance(error, StoreTimeout):
            stored = "this request may be stored yet, so send it again with the same ids"
        return Problem(
            "unavailable",
            f"store: cannot be read or written now; {stored}",
            headers=(("Retry-After", str(_RETRY_AFTER_SECONDS)),),
        )
    return Problem("fault", "internal error")
