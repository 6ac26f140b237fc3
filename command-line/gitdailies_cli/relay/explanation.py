"""What a relay's store knows about an id: the one answer of `relay explain` and `gitdailies why`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gitdailies_connection.config.settings import Configuration

from gitdailies_cli.relay import options, status_text, timeline


class Explanation(NamedTuple):
    """The timelines of the incidents or deploys that an id means, what is paused, and the server's state."""

    timelines: list[dict[str, Any]]
    paused: list[dict[str, Any]]
    server: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        first, *others = self.timelines
        return {**first, "others": others, "paused": self.paused, "server": self.server}

    def lines(self) -> Iterator[str]:
        """Show each timeline; a pause or a stopped server may be why an event waits."""
        held_up = status_text.held_up_by({"paused": self.paused, "server": self.server})
        for one in self.timelines:
            sources = {message["source"] for message in one["deliveries"]}
            of_source = status_text.pauses([pause for pause in self.paused if pause["source"] in sources])
            yield from timeline.lines(one, held_up or of_source)


def explanation(settings: Configuration, id_: str) -> Explanation | None:
    """Return what the store knows about *id_*, or None; raises UsageError without a store."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    with reading(options.store_of(settings)) as session:
        timelines = reports.timelines(session, id_)
        paused = reports.paused(session)
    return Explanation(timelines, paused, options.server_of(settings)) if timelines else None
