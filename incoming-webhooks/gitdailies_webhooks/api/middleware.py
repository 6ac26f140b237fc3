"""What applies to every request: client address, headers, no key in an address, no trace in a response."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from gitdailies_connection.addresses import Network
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address
from gitdailies_server.logging.setup import describe_error
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitdailies_webhooks.accounts.people import JOIN
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import MEDIA_TYPE, Problem, Refusal

# Headers of each response that does not have them already.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # With no-referrer, browsers would not send the origin of a form.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SECURE_HEADERS = ((b"strict-transport-security", b"max-age=31536000"),)


def problem_response(problem: Problem) -> JSONResponse:
    """Return the response of a problem."""
    return JSONResponse(
        problem.to_wire(), problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
    )


def loggable_path(path: str) -> str:
    """Return a path for the log, without the token of a one-time link."""
    return f"{JOIN}***" if path.startswith(JOIN) else path


class ClientAddress:
    """An ASGI middleware that takes the client address from trusted reverse proxies."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            header = FORWARDED_HEADER.encode()
            chain = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == header)
            peer, port = scope["client"]
            scope = {**scope, "client": (client_address(peer, chain, self._trusted) or peer, port)}
        await self._app(scope, receive, send)


class Guard:
    """An ASGI middleware that adds headers, refuses keys in addresses and catches bugs.

    *respond* makes the response for a problem; *secure* is true if people open pages over TLS.
    """

    def __init__(
        self, app: ASGIApp, *, log: Any, respond: Callable[[Request, Problem], Response], secure: bool = False
    ) -> None:
        self._app = app
        self._log = log
        self._respond = respond
        self._headers = (*_HEADERS, *(_SECURE_HEADERS if secure else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message["headers"]}
                more = [header for header in self._headers if header[0] not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            query.refuse_keys(scope["query_string"].decode("latin-1"))
            await self._app(scope, receive, send_with_headers)
        except Refusal as refusal:
            self._log.info(
                "refused",
                path=loggable_path(scope["path"]),
                problem=refusal.problem.word,
                reason=refusal.problem.detail,
            )
            await self._respond(Request(scope), refusal.problem)(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  any bug: the sender gets a number, the log the details
            fault = secrets.token_hex(6)
            self._log.error(
                "fault", fault=fault, path=loggable_path(scope["path"]), reason=describe_error(error)
            )
            if not started:
                problem = Problem("fault", f"internal error {fault}; the server log has the details")
                await self._respond(Request(scope), problem)(scope, receive, send_with_headers)
