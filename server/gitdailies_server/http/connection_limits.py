"""Limit open connections; when the limit is reached, decide which one to close.

A connection is on its *sender's turn* while the sender has to send something: a head, the rest of a
body, the next request. The connection on the sender's turn for the longest time is closed first, and
unauthenticated ones before authenticated ones. In one data center a good sender sends everything within
milliseconds, so a crowd of slow senders cannot keep it out. Where a body takes more than one round trip, a
flood of new connections can, unless a proxy reads bodies as a whole first.
"""

from typing import Protocol


class LimitedConnection(Protocol):
    """One connection."""

    def evict(self) -> None:
        """Close at once, to make room for another connection."""

    def abort(self) -> None:
        """Close at once."""

    def stop(self) -> None:
        """Close after the requests that have come are answered."""


class ConnectionLimits:
    """The connections of one server: at most *most*, and at most *most_pipelining* of them pipeline.

    While the server is answering all of them, which takes milliseconds, up to twice as many are accepted.
    """

    def __init__(self, most: int, most_pipelining: int = 64) -> None:
        self._most = most
        self._most_pipelining = most_pipelining
        self.open: set[LimitedConnection] = set()
        self._pipelining: set[LimitedConnection] = set()
        # Connections that wait for the sender. The one that has waited longest is the first.
        self._unauthenticated: dict[LimitedConnection, None] = {}
        self._authenticated: dict[LimitedConnection, None] = {}

    def __len__(self) -> int:
        return len(self.open)

    def admit(self, connection: LimitedConnection) -> bool:
        """Add a connection, and evict another one if needed; False if none can be evicted."""
        if len(self.open) >= 2 * self._most:
            return False
        self.open.add(connection)
        self._make_room()
        self._unauthenticated[connection] = None
        return True

    def remove(self, connection: LimitedConnection) -> None:
        """Forget a connection that was closed."""
        self.open.discard(connection)
        self._pipelining.discard(connection)
        self.server_turn(connection)

    def sender_turn(self, connection: LimitedConnection, *, authenticated: bool) -> None:
        """Note that from now on the sender has to send something."""
        if connection in self.open:
            self.server_turn(connection)
            (self._authenticated if authenticated else self._unauthenticated)[connection] = None
            if len(self.open) > self._most:
                self._make_room()

    def server_turn(self, connection: LimitedConnection) -> None:
        """Note that the sender has sent everything that is needed for an answer."""
        self._unauthenticated.pop(connection, None)
        self._authenticated.pop(connection, None)

    def _make_room(self) -> None:
        while len(self.open) > self._most and (self._unauthenticated or self._authenticated):
            idle_longest = next(iter(self._unauthenticated or self._authenticated))
            self.remove(idle_longest)
            idle_longest.evict()

    def may_pipeline(self, connection: LimitedConnection) -> bool:
        """Whether *connection* may send requests before the answer to an earlier one."""
        if connection not in self._pipelining and len(self._pipelining) >= self._most_pipelining:
            return False
        self._pipelining.add(connection)
        return True

    def stop_pipelining(self, connection: LimitedConnection) -> None:
        """Note that no request of *connection* waits for the answer to an earlier one."""
        self._pipelining.discard(connection)
