"""Around every endpoint: no key in an address, no stack trace in an answer, the same headers on all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from gitdailies_server.logging.setup import describe_error
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitdailies_webhooks.accounts.people import JOIN
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import MEDIA_TYPE, Problem, Refusal

# For an answer that does not say otherwise itself.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # Not no-referrer, under which browsers no longer say where a form comes from.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SECURE = ((b"strict-transport-security", b"max-age=31536000"),)


def problem_response(problem: Problem) -> JSONResponse:
    """Answer with a problem."""
    return JSONResponse(
        problem.to_wire(), problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
    )


def shown_path(path: str) -> str:
    """Return a path for the log: the token of a one-time link stands in one."""
    return f"{JOIN}***" if path.startswith(JOIN) else path


class Guard:
    """An ASGI middleware; *answer* says a problem to whoever asked."""

    def __init__(
        self, app: ASGIApp, *, log: Any, answer: Callable[[Request, Problem], Response], secure: bool = False
    ) -> None:
        self._app = app
        self._log = log
        self._answer = answer
        self._headers = (*_HEADERS, *(_SECURE if secure else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                said = {name.lower() for name, _ in message["headers"]}
                more = [header for header in self._headers if header[0] not in said]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            query.refuse_keys(scope["query_string"].decode("latin-1"))
            await self._app(scope, receive, send_guarded)
        except Refusal as refusal:
            self._log.info(
                "refused",
                path=shown_path(scope["path"]),
                problem=refusal.problem.word,
                reason=refusal.problem.detail,
            )
            await self._answer(Request(scope), refusal.problem)(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001  whatever it is, the sender gets a number and the log the rest
            fault = secrets.token_hex(6)
            self._log.error(
                "fault", fault=fault, path=shown_path(scope["path"]), reason=describe_error(error)
            )
            if not started:
                problem = Problem(
                    "fault", f"expected to answer, got a fault of the server; its log tells it under {fault}"
                )
                await self._answer(Request(scope), problem)(scope, receive, send_guarded)
