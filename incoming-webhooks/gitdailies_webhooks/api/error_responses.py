"""Responses to errors: a page for a browser, problem details (RFC 9457) for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitdailies_core.errors import GitDailiesError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from gitdailies_webhooks.api.deferred import Deferred
from gitdailies_webhooks.api.middleware import loggable_path, problem_response
from gitdailies_webhooks.events.problem import Problem, of_error

if TYPE_CHECKING:
    from gitdailies_webhooks.api.reading_routes import ReadingRoutes

_PATHS = (
    "/webhooks, /webhooks/ping, /api/events, /api/events/{id}, /api/metrics, /openapi.json, "
    "/healthz, /readyz, /"
)

# Clients of these paths are programs, whatever they accept. Java's HTTP client accepts HTML first by default.
_API_PATHS = ("/api/", "/webhooks")


class ErrorResponses:
    """Makes the responses to errors, and logs them."""

    def __init__(self, reading: Deferred[ReadingRoutes], log: Any) -> None:
        self._reading = reading
        self._log = log

    async def respond(self, request: Request, problem: Problem) -> Response:
        """Return the response for a problem."""
        if is_browser(request):
            return (await self._reading.arrive()).site.problem(request, problem)
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
            methods, refused = self._methods(request), dict(headers).get("Allow", "")
            # A method of the path that is refused all the same says itself which others there are.
            allow = refused if request.method in methods else ", ".join(methods)
            problem = Problem("method", f"method: expected {allow}, got another", headers=(("Allow", allow),))
            return await self.respond(request, problem)
        if is_browser(request):
            return await (await self._reading.arrive()).site.unknown_address(request)
        # The path is not repeated, since it may be a key that was put there by mistake.
        return problem_response(Problem("not-found", f"path: expected one of {_PATHS}, got another"))

    def _methods(self, request: Request) -> list[str]:
        """Return the methods of a path. The router names only those of one of its routes."""
        reading = self._reading.made
        routes = [*request.app.routes, *([] if reading is None else reading.router.routes)]
        matching = (
            r for r in routes if isinstance(r, Route) and r.matches(request.scope)[0] is not Match.NONE
        )
        return sorted(set().union(*(route.methods or () for route in matching)))


def is_browser(request: Request) -> bool:
    """Return whether a person's browser sent the request: it accepts HTML first."""
    accepts_html = request.headers.get("accept", "").startswith("text/html")
    return accepts_html and not request.scope["path"].startswith(_API_PATHS)
