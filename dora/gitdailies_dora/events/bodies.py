"""Read the body of a request, of the API or of a page, within limits."""

from gitdailies_core.errors import BodyTooLarge
from gitdailies_server.http.asgi import body_of
from gitdailies_server.http.request_body import BodyFault
from starlette.requests import Request

from gitdailies_dora.events.problem import refusal

# Long enough for 8 MiB over a slow line, short enough that idle senders do not accumulate.
READ_SECONDS = 30.0


async def read_body(request: Request, largest: int, kind: str) -> bytes:
    """Return a body of at most *largest* bytes; *kind* says what such a body is.

    Raises BodyTooLarge, and Refusal for a body that takes too long, that is cut, or that finds no room.
    """
    body = await body_of(request.scope, largest, READ_SECONDS)
    if isinstance(body, bytes):
        return body
    if body is BodyFault.TOO_LARGE:
        raise too_large(largest, kind)
    if body is BodyFault.OVERLOADED:
        raise refusal("bodies", "body: no room for it now; send it again later", Retry_After="5")
    if body is BodyFault.INCOMPLETE:
        raise refusal("timeout", "body: the connection was closed before all of it arrived")
    raise refusal("timeout", f"body: expected all of it within {READ_SECONDS:.0f} seconds, got a part")


def too_large(most: int, kind: str) -> BodyTooLarge:
    """Return the error to raise for a larger body."""
    return BodyTooLarge(f"body: expected at most {most} bytes for {kind}, got more")
