"""Senders that nothing new is given to, each closed once what is on its way with it came back."""

from __future__ import annotations

from collections.abc import Iterable

from gitdailies_relay.delivery.senders import Sender


class Leaving:
    """Senders of earlier destinations, with the events that were on their way when each was replaced."""

    def __init__(self) -> None:
        self._carrying: list[tuple[Sender, set[int]]] = []

    def add(self, sender: Sender, flying: Iterable[int]) -> None:
        """Close *sender* once all events of *flying*, by their numbers, came back; now if there are none."""
        self._carrying.append((sender, set(flying)))
        self.landed(())

    def landed(self, seqs: Iterable[int]) -> None:
        """Take note of what came back, and close who carries nothing any more."""
        came = set(seqs)
        carrying = [(sender, flying - came) for sender, flying in self._carrying]
        self._carrying = [(sender, flying) for sender, flying in carrying if flying]
        for sender, flying in carrying:
            if not flying:
                sender.close()

    def cut(self) -> None:
        """End what is on its way, as if it had timed out."""
        for sender, _ in self._carrying:
            sender.cut()
