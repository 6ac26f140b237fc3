"""The end of a fetch that may overlap with live events: `--live-since`, and the relay's store."""

from __future__ import annotations

from datetime import UTC, datetime

from gitdailies_connection.config.sections.settings import Configuration
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_core.values.times import text_of


def end(
    why: str,
    *,
    source: str,
    configuration: Configuration | None,
    until: datetime | None,
    live_since: datetime | None,
) -> datetime | None:
    """Return the end of the window, or None for now. *why* says what may count twice.

    A source has no live events if gitdailies.yml does not name it, or if the relay's store here holds
    nothing from it. Raises UsageError if there may be live events and no time is given.
    """
    may_be_live = configuration is not None and source in configuration.sources
    known, first = _first_delivery(configuration, source) if configuration and may_be_live else (True, None)
    if live_since is None:
        if known and first is None:
            return until
        hint = f" (no later than {text_of(first)}, by its store)" if first else ""
        raise UsageError(
            f"--live-since: expected the time of the relay's first event from {source}{hint}, got none: "
            f"{why}; --overlap fetches it anyway"
        )
    if first is not None and first < live_since:
        raise UsageError(
            f"--live-since: expected no later than {text_of(first)}, when the relay's store has a delivery "
            f"of {source}, got {text_of(live_since)}"
        )
    if until is not None and until > live_since:
        raise UsageError(
            f"--until: expected no later than --live-since, got {text_of(until)}: {why}; "
            "--overlap fetches it anyway"
        )
    return until or (live_since if live_since < datetime.now(UTC) else None)


def _first_delivery(configuration: Configuration, source: str) -> tuple[bool, datetime | None]:
    """Return whether the relay's store can be read, and the time of its oldest delivery that counted."""
    store = configuration.relay.store
    if store.path is not None and not store.path.is_file():
        # The relay may run on another machine.
        return False, None
    try:
        from gitdailies_relay.operations.status import first_delivery
        from gitdailies_relay.store.store import database_of, reading

        with reading(database_of(store)) as session:
            return True, first_delivery(session, source)
    except (GitDailiesError, ImportError):
        return False, None
