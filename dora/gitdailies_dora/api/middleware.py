"""What applies to every request: client address, headers, no key in an address, no trace in a response.

An error is a page for a browser, and problem details (RFC 9457) for a program.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from gitdailies_connection.addresses import Network
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.values import trace_context
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address, is_trusted, opened_at
from gitdailies_server.http.exchange import ErrorBody
from gitdailies_server.logging.setup import describe_error
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from gitdailies_dora.accounts.people import JOIN
from gitdailies_dora.accounts.screens import WALL
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import MEDIA_TYPE, Problem, Refusal, of_error, of_server

if TYPE_CHECKING:
    from gitdailies_dora.pages.frame.site import Site

_PATHS = (
    "/webhooks, /webhooks/ping, /api/events, /api/events/{id}, /api/metrics, /openapi.json, "
    "/healthz, /readyz, /"
)

# Clients of these paths are programs, whatever they accept. Java's HTTP client accepts HTML first by default.
_API_PATHS = ("/api/", "/webhooks")

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


def problem_response(problem: Problem) -> Response:
    """Return the response of a problem."""
    return Response(msgspec.json.encode(problem.details), problem.status, dict(problem.headers), MEDIA_TYPE)


def problem_body(status: HTTPStatus, reason: str) -> ErrorBody:
    """Return the body of an answer that the HTTP server gives by itself."""
    return ErrorBody(MEDIA_TYPE, msgspec.json.encode(of_server(status, reason).details))


def loggable_path(path: str) -> str:
    """Return a path for the log, without the token of a link."""
    return next((f"{link}***" for link in (JOIN, WALL) if path.startswith(link)), path)


class ClientAddress:
    """An ASGI middleware that takes from trusted reverse proxies who the client is and what it opened.

    Headers of the names *only_trusted*, in lower case, are removed unless a trusted proxy sent them.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network], only_trusted: Sequence[str] = ()) -> None:
        self._app = app
        self._trusted = trusted
        self._only_trusted = frozenset(name.encode() for name in only_trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = self._without_forged(scope)
            if scope.get("client"):
                scope = self._as_opened(scope)
        await self._app(scope, receive, send)

    def _without_forged(self, scope: Scope) -> Scope:
        peer = scope["client"][0] if scope.get("client") else ""
        if not self._only_trusted or is_trusted(peer, self._trusted):
            return scope
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in self._only_trusted]
        return {**scope, "headers": kept}

    def _as_opened(self, scope: Scope) -> Scope:
        headers = Headers(raw=scope["headers"])
        peer, port = scope["client"]
        chain = ",".join(headers.getlist(FORWARDED_HEADER))
        opened = opened_at(peer, headers, self._trusted)
        changed = {
            **scope,
            "client": (client_address(peer, chain, self._trusted) or peer, port),
            "scheme": opened.scheme or scope.get("scheme", "http"),
        }
        if opened.host:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            changed["headers"] = [*others, (b"host", opened.host.encode())]
        return changed


@dataclass
class Guard:
    """An ASGI middleware that adds headers, refuses keys in addresses and catches bugs.

    *respond* makes the response for a problem; *count* is called with the path, the status and the seconds of
    each response; *secure* is true if people open pages over TLS, whatever a proxy says.
    """

    app: ASGIApp
    log: Any
    respond: Callable[[Request, Problem], Awaitable[Response]]
    count: Callable[[str, int, float], None]
    secure: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, began, headers = False, time.monotonic(), Headers(scope=scope)
        traces = (headers.get(name, "") for name in (trace_context.HEADER, trace_context.LIST_HEADER))
        # For all lines about this request, whose task is its own.
        if found := " ".join(trace_context.ids(*traces)):
            bind_contextvars(trace=found)
        secure = self.secure or scope.get("scheme") == "https"
        guards = (*_HEADERS, *(_SECURE_HEADERS if secure else ()))

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self.count(scope["path"], message["status"], time.monotonic() - began)
                present = {name.lower() for name, _ in message["headers"]}
                more = [header for header in guards if header[0] not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            query.refuse_keys(scope["query_string"].decode("latin-1"))
            await self.app(scope, receive, send_with_headers)
        except Refusal as refusal:
            self.log.info(
                "refused",
                path=loggable_path(scope["path"]),
                problem=refusal.problem.word,
                reason=refusal.problem.detail,
            )
            response = await self.respond(Request(scope), refusal.problem)
            await response(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  any bug: the sender gets a number, the log the details
            fault = secrets.token_hex(6)
            self.log.error(
                "fault", fault=fault, path=loggable_path(scope["path"]), reason=describe_error(error)
            )
            if not started:
                problem = Problem("fault", f"internal error {fault}; the server log has the details")
                response = await self.respond(Request(scope), problem)
                await response(scope, receive, send_with_headers)


class ErrorResponses:
    """Makes the responses to errors, and logs them."""

    def __init__(self, site: "Site", log: Any) -> None:
        self._site = site
        self._log = log

    async def respond(self, request: Request, problem: Problem) -> Response:
        """Return the response for a problem."""
        if is_browser(request):
            return self._site.problem(request, problem)
        return problem_response(problem)

    async def for_our_error(self, request: Request, error: Exception) -> Response:
        """Respond to one of our errors; raise it again if it is a bug of the server."""
        if not isinstance(error, GitDailiesError):
            raise error
        problem = of_error(error)
        if problem.word == "fault":
            raise error
        write = self._log.error if problem.status >= 500 else self._log.info
        write(
            "refused",
            path=loggable_path(request.scope["path"]),
            status=problem.status,
            problem=problem.word,
            reason=str(error),
        )
        return await self.respond(request, problem)

    async def for_router_error(self, request: Request, error: Exception) -> Response:
        """Respond to an unknown path, or to a method that the path does not have."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = tuple((getattr(error, "headers", None) or {}).items())
        if status == 405:
            methods, refused = _methods(request), dict(headers).get("Allow", "")
            # If the path has the method and still refuses it, its own answer lists the allowed ones.
            allow = refused if request.method in methods else ", ".join(methods)
            problem = Problem(
                "method", f"method: expected {allow}, got {request.method}", headers=(("Allow", allow),)
            )
            return await self.respond(request, problem)
        if is_browser(request):
            return await self._site.unknown_address(request)
        # The path is not repeated, since it may be a key that was put there by mistake.
        return problem_response(Problem("not-found", f"path: expected one of {_PATHS}, got another"))


def _methods(request: Request) -> list[str]:
    """Return the methods of a path. The router names only those of one of its routes."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    found = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted(set().union(*(route.methods or () for route in found)))


def is_browser(request: Request) -> bool:
    """Return whether a person's browser sent the request: it accepts HTML first."""
    accepts_html = request.headers.get("accept", "").startswith("text/html")
    return accepts_html and not request.scope["path"].startswith(_API_PATHS)
