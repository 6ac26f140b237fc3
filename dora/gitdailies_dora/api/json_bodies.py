"""Read the body of a request within limits, and write answers as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from gitdailies_core.error_text import got
from gitdailies_core.errors import BodyTooLarge
from gitdailies_core.values import strict_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gitdailies_dora.events.intake import MOST_BYTES_LIST, MOST_BYTES_ONE
from gitdailies_dora.events.problem import refusal

Body = TypeVar("Body", bound=msgspec.Struct)

# Long enough for 8 MiB over a slow line, short enough that idle senders do not accumulate.
READ_SECONDS = 30.0

# How much of a body that is too large is read and discarded. A client that writes all of its body before
# it reads would otherwise find the connection closed, and not learn why.
_DISCARDED = 4 * MOST_BYTES_LIST
_SPACE = b" \t\r\n"


async def read_json(request: Request) -> bytes:
    """Return the body of a request with a JSON type or without a type.

    Raises BodyTooLarge for a body over the limit, Refusal for another type, for an encoding and for a
    body that takes too long.
    """
    _check_type(request)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _bounded(request)
    except TimeoutError:
        raise refusal(
            "timeout",
            f"body: expected all of it within {READ_SECONDS:.0f} seconds, got a part",
            Connection="close",
        ) from None
    except ClientDisconnect:
        raise refusal("timeout", "body: the connection was closed before all of it arrived") from None


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


async def _bounded(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isascii() and announced.isdigit() else 0
    if size > MOST_BYTES_LIST + _DISCARDED:
        raise _too_large(MOST_BYTES_LIST)
    body, limit, first = bytearray(), MOST_BYTES_ONE, b""
    chunks = request.stream()
    async for chunk in chunks:
        body += chunk
        if not first and (first := chunk.lstrip(_SPACE)[:1]) == b"[":
            limit = MOST_BYTES_LIST
        if len(body) > limit:
            await _discard(chunks)
            raise _too_large(limit)
    return bytes(body)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    left = _DISCARDED
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return


def _too_large(limit: int) -> BodyTooLarge:
    kind = "a list" if limit == MOST_BYTES_LIST else "one event"
    return BodyTooLarge(f"body: expected at most {limit} bytes for {kind}, got more")
