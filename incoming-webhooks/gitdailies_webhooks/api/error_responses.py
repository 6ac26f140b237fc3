"""What is wrong, said to who asked: to a person's browser as a page, to a program as RFC 9457 has it."""

from __future__ import annotations

from typing import Any

from gitdailies_core.errors import GitDailiesError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_webhooks.api.middleware import problem_response, shown_path
from gitdailies_webhooks.events.problem import Problem, of_error
from gitdailies_webhooks.pages.site import Site

_PATHS = "/webhooks, /webhooks/ping, /api/events, /api/events/{id}, /api/metrics, /openapi.json, /healthz, /"

# Whoever asks here is a program, whatever it accepts: Java's names HTML first unless told otherwise.
_INTERFACE = ("/api/", "/webhooks")


class Refusals:
    """The answers to what cannot be answered."""

    def __init__(self, site: Site, log: Any) -> None:
        self._site = site
        self._log = log

    def answer(self, request: Request, problem: Problem) -> Response:
        """Answer with a problem."""
        return self._site.problem(request, problem) if browses(request) else problem_response(problem)

    async def of_ours(self, request: Request, error: Exception) -> Response:
        """Answer one of our errors; those that are no one's mistake but ours go to the log as well."""
        if not isinstance(error, GitDailiesError):
            raise error
        problem = of_error(error)
        if problem.word == "fault":
            raise error
        write = self._log.error if problem.status >= 500 else self._log.info
        write(
            "refused",
            path=shown_path(request.scope["path"]),
            status=problem.status,
            problem=problem.word,
            reason=str(error),
        )
        return self.answer(request, problem)

    async def of_the_router(self, request: Request, error: Exception) -> Response:
        """Say what the router found: a path that is not there, a method that the path does not have."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = tuple((getattr(error, "headers", None) or {}).items())
        if status == 405:
            allow = dict(headers).get("Allow", "")
            problem = Problem("method", f"method: expected {allow}, got another", headers=headers)
            return self.answer(request, problem)
        if browses(request):
            return await self._site.unknown(request)
        # The path is not repeated: it may be a key that was put there by mistake.
        return problem_response(Problem("not-found", f"path: expected one of {_PATHS}, got another"))


def browses(request: Request) -> bool:
    """Whether a person's browser asks, which names HTML first."""
    named = request.headers.get("accept", "").startswith("text/html")
    return named and not request.scope["path"].startswith(_INTERFACE)
