"""The answers to /healthz and /readyz of the DORA server."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from gitdailies_server.readiness import Readiness
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response


class Alive(Struct, frozen=True, kw_only=True):
    """The server runs."""

    status: Literal["alive"] = "alive"


class ServerState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether events can be stored now, and why not."""

    status: Literal["ready", "unavailable"]
    reason: str = ""


def ready(readiness: Readiness) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers /readyz: 200, or 503 with the reason."""

    async def endpoint(_: Request) -> Response:
        fault = await readiness.probe()
        state = ServerState(status="unavailable" if fault else "ready", reason=fault)
        return state_response(state, 503 if fault else 200)

    return endpoint


async def alive(_: Request) -> Response:
    """Answer /healthz: the process runs. A store that cannot be written is no reason to restart it."""
    return state_response(Alive())


def state_response(state: Struct, status: int = 200) -> Response:
    """Return the response with the state of a server."""
    return Response(msgspec.json.encode(state), status, media_type="application/json")
