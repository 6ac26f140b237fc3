"""Who may stay when a server's house is full: a number of connections, and who gives way to a new one.

A connection *owes* while its sender has to say something: a head, the rest of a body, the next
request. Whoever owes longest leaves first, strangers before those who proved who they are; a good
sender has said everything within milliseconds, so that no crowd of slow ones keeps it out.
"""

from __future__ import annotations

from typing import Protocol


class Guest(Protocol):
    """One connection."""

    def give_way(self) -> None:
        """End at once, to make room."""


class ConnectionLimits:
    """The connections of one server: at most *most*, of which few may send ahead.

    While all of them are being answered, which takes milliseconds, as many again are let in.
    """

    def __init__(self, most: int, most_ahead: int = 64) -> None:
        self._most = most
        self._most_ahead = most_ahead
        self._inside: set[Guest] = set()
        self._ahead: set[Guest] = set()
        # In the order in which they began to owe.
        self._strangers: dict[Guest, None] = {}
        self._known: dict[Guest, None] = {}

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, guest: Guest) -> bool:
        """Let a connection in, and another out if there is no room; False where nobody can be."""
        if len(self._inside) >= 2 * self._most:
            return False
        self._inside.add(guest)
        self._make_room()
        self._strangers[guest] = None
        return True

    def leave(self, guest: Guest) -> None:
        self._inside.discard(guest)
        self._ahead.discard(guest)
        self.owes_nothing(guest)

    def owes(self, guest: Guest, *, known: bool) -> None:
        """It is the sender's turn, from now on."""
        if guest in self._inside:
            self.owes_nothing(guest)
            (self._known if known else self._strangers)[guest] = None
            if len(self._inside) > self._most:
                self._make_room()

    def owes_nothing(self, guest: Guest) -> None:
        self._strangers.pop(guest, None)
        self._known.pop(guest, None)

    def _make_room(self) -> None:
        while len(self._inside) > self._most and (self._strangers or self._known):
            leaving = next(iter(self._strangers or self._known))
            self.leave(leaving)
            leaving.give_way()

    def may_send_ahead(self, guest: Guest) -> bool:
        """Whether one more connection may have requests read that wait for the answer to another."""
        if guest not in self._ahead and len(self._ahead) >= self._most_ahead:
            return False
        self._ahead.add(guest)
        return True

    def sends_no_more_ahead(self, guest: Guest) -> None:
        self._ahead.discard(guest)
