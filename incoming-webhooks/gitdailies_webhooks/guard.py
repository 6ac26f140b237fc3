"""Around every endpoint: no key in an address, no stack trace in an answer, the same headers on all."""

from __future__ import annotations

import secrets
from typing import Any

from gitdailies_server.logs import told
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitdailies_webhooks import query
from gitdailies_webhooks.problem import MEDIA_TYPE, Problem, Refusal

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


def problem_response(problem: Problem) -> JSONResponse:
    """Answer with a problem."""
    return JSONResponse(
        problem.to_wire(), problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
    )


class Guard:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, *, log: Any) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            query.refuse_keys(scope["query_string"].decode("latin-1"))
            await self._app(scope, receive, send_guarded)
        except Refusal as refusal:
            self._log.info(
                "refused", path=scope["path"], problem=refusal.problem.word, reason=refusal.problem.detail
            )
            await problem_response(refusal.problem)(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001  whatever it is, the sender gets a number and the log the rest
            fault = secrets.token_hex(6)
            self._log.error("fault", fault=fault, path=scope["path"], reason=told(error))
            if not started:
                problem = Problem(
                    "fault", f"expected to answer, got a fault of the server; its log tells it under {fault}"
                )
                await problem_response(problem)(scope, receive, send_guarded)
