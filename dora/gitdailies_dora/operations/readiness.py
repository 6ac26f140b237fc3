"""Whether the receiver can take events now: its store can be written, and it is not stopping."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from gitdailies_core.errors import StoreUnavailable
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_dora.events.store import EventStore

# PagerDuty and the relay wait 5 s or more for an answer. A store that takes longer is of no use to them.
ANSWER_SECONDS = 4.0
# Probes come every few seconds, and from any client. They must not decide how often the disk syncs.
READY_SECONDS = 1.0

# The table has one row. It is written with its own value.
_TOUCH = "UPDATE figures_read SET seq = seq"


class Alive(Struct, frozen=True, kw_only=True):
    """The server runs."""

    status: Literal["alive"] = "alive"


class ServerState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether events can be stored now, and why not."""

    status: Literal["ready", "unavailable"]
    reason: str = ""


class Readiness:
    """Readiness of one server. Set `stopping` before its listeners close."""

    def __init__(self, store: EventStore) -> None:
        self.stopping = False
        self._store = store
        self._ready_until = 0.0

    async def fault(self) -> str:
        """Return why no event can be stored now, or "". It writes, because a full disk shows there first."""
        if self.stopping:
            return "the server is stopping"
        if self._store.fault:
            # The writer is asked again, so that a store that is back is seen.
            self._ready_until = 0.0
        loop = asyncio.get_running_loop()
        if loop.time() < self._ready_until:
            return ""
        try:
            await asyncio.wait_for(self._store.write(lambda session: session.execute(_TOUCH)), ANSWER_SECONDS)
        except StoreUnavailable as error:
            return str(error)
        except TimeoutError:
            return "the store does not answer in time"
        self._ready_until = loop.time() + READY_SECONDS
        return ""

    async def ask_again(self) -> None:
        """After a failed commit, ask the writer again. An idle server would go on showing an old fault."""
        if self._store.fault:
            await self.fault()

    async def ready(self, _: Request) -> Response:
        """Answer /readyz: 200, or 503 with the reason."""
        fault = await self.fault()
        state = ServerState(status="unavailable" if fault else "ready", reason=fault)
        return state_response(state, 503 if fault else 200)


async def alive(_: Request) -> Response:
    """Answer /healthz: the process runs. A store that cannot be written is no reason to restart it."""
    return state_response(Alive())


def state_response(state: Struct, status: int = 200) -> Response:
    """Return the response with the state of a server."""
    return Response(msgspec.json.encode(state), status, media_type="application/json")
