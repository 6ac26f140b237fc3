"""What endpoints that answer from derived rows share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from gitdailies_server.storage.timestamps import to_us
from starlette.requests import Request

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.teams import NO_TEAMS, Teams


class Endpoints:
    """Endpoints of one store; *authenticate* returns the key of a request, if that has the right to them."""

    def __init__(
        self,
        store: EventStore,
        deriver: Deriver,
        clock: Callable[[], datetime],
        authenticate: Callable[[Request], Awaitable[Key]],
        teams: Teams = NO_TEAMS,
    ) -> None:
        self._store = store
        self._deriver = deriver
        self._clock = clock
        self._authenticate = authenticate
        self._teams = teams

    def _now(self) -> int:
        """Return the present moment, in microseconds since 1970."""
        return to_us(self._clock())


def query_of(request: Request) -> str:
    """Return the query of a request as it came: `request.url` would include the text of the Host header."""
    return str(request.scope["query_string"], "latin-1")
