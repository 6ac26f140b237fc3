"""Handshakes: what a vendor asks for before it sends, out of the bodies that are stored."""

from __future__ import annotations

from typing import Any, NamedTuple

from gitdailies_connection.config.settings import Source
from gitdailies_connection.config.sources import adapter_of
from gitdailies_core.errors import ProofError
from gitdailies_core.sources.protocol import Certified, Handshake
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.operations.preview import request_of

# What counts nothing is among the ignored bodies; with `capture`, it is among the quarantined ones.
_LATEST = " UNION ALL ".join(
    f"SELECT delivery, '{table}', received_at, content_type, headers, body FROM {table}"  # noqa: S608
    " WHERE source = ?"
    for table in ("ignored", "quarantine")
)
_STATEMENT = f"{_LATEST} ORDER BY 3 DESC LIMIT ?"
_MOST = 5000


class Asked(NamedTuple):
    """A handshake that a delivery asks for, or the reason why it is refused."""

    delivery: str
    received_at: int
    handshake: Handshake | None
    refusal: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "delivery": self.delivery,
            "receivedAt": text_of(from_us(self.received_at)),
            "topic": self.handshake.topic if self.handshake else None,
            "address": self.handshake.address if self.handshake else None,
            "refusal": self.refusal or None,
        }


def handshakes(session: Session, source: Source) -> list[Asked]:
    """Return what the stored deliveries of *source* ask for: the latest of each topic, newest first.

    One that is refused comes only where no later delivery of its kind is fine.
    """
    adapter = adapter_of(source)
    if not isinstance(adapter, Certified):
        return []
    asked: list[Asked] = []
    topics: set[str] = set()
    for row in session.execute(_STATEMENT, (source.name, source.name, _MOST)).fetchall():
        delivery, _, received_at, *_ = row
        try:
            handshake = adapter.handshake(request_of(row), source.proof)
        except ProofError as error:
            if not asked:
                asked.append(Asked(delivery, received_at, None, str(error)))
            continue
        if handshake is not None and handshake.topic not in topics:
            topics.add(handshake.topic)
            asked.append(Asked(delivery, received_at, handshake))
    return asked
