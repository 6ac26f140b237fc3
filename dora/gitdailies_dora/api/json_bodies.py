"""Read JSON in the body of a request, and write answers as JSON."""

from typing import TypeVar

import msgspec
from gitdailies_core.error_text import got
from gitdailies_core.values import strict_json
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_dora.events.bodies import read_body, too_large
from gitdailies_dora.events.intake import MOST_BYTES_LIST, MOST_BYTES_ONE
from gitdailies_dora.events.problem import refusal

Body = TypeVar("Body", bound=msgspec.Struct)

_SPACE = b" \t\r\n"


async def read_json(request: Request) -> bytes:
    """Return the body of a request with a JSON type or without a type.

    Raises BodyTooLarge for a body over the limit, Refusal for another type, for an encoding and for a
    body that does not come.
    """
    _check_type(request)
    body = await read_body(request, MOST_BYTES_LIST, "a list")
    if len(body) > MOST_BYTES_ONE and body.lstrip(_SPACE)[:1] != b"[":
        raise too_large(MOST_BYTES_ONE, "one event")
    return body


async def read_object(request: Request, type_: type[Body]) -> Body:
    """Return the JSON object in the body of a request; raises Refusal for what *type_* does not allow."""
    body = strict_json.loads(await read_json(request), duplicates=False)
    if not isinstance(body, dict):
        raise refusal("request", f"body: expected an object, got {got(body)}")
    try:
        return msgspec.convert(body, type_)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$.")
        raise refusal("request", f"{where.rstrip('`') or 'body'}: {text[:1].lower()}{text[1:]}") from None


def json_response(answer: msgspec.Struct, status: int = 200) -> Response:
    """Return the response with an answer."""
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def query_of(request: Request) -> str:
    """Return the query of a request as it came: `request.url` would include the text of the Host header."""
    return str(request.scope["query_string"], "latin-1")


def _check_type(request: Request) -> None:
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        # A small compressed body can become a very large one.
        raise refusal("media-type", f"Content-Encoding: expected identity or none, got {got(coding)}")
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if (
        media
        and media != "application/json"
        and not (media.startswith("application/") and media.endswith("+json"))
    ):
        raise refusal("media-type", f"Content-Type: expected application/json, got {got(media)}")
