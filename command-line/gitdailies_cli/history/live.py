"""Where a fetch ends that may count twice what the relay has told: `--live-since`, and the relay's store."""

from __future__ import annotations

from datetime import UTC, datetime

from gitdailies_connection.config.settings import Configuration
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
    """Return where the window ends, None for now; *why* says what may count twice.

    A source that stands in no gitdailies.yml, and one of which the relay's store here holds nothing,
    has not been told live. Raises UsageError where it may have been, and nobody says since when.
    """
    told_live = configuration is not None and source in configuration.sources
    known, first = _first_delivery(configuration, source) if configuration and told_live else (True, None)
    if live_since is None:
        if known and first is None:
            return until
        hint = f" (by its store no later than {text_of(first)})" if first else ""
        raise UsageError(
            f"--live-since: expected the time when the relay began to tell of {source}{hint}, got none: "
            f"{why}; --overlap fetches it all the same"
        )
    if first is not None and first < live_since:
        raise UsageError(
            f"--live-since: expected no later than {text_of(first)}, when the relay's store has a delivery "
            f"of {source}, got {text_of(live_since)}"
        )
    if until is not None and until > live_since:
        raise UsageError(
            f"--until: expected no later than --live-since, got {text_of(until)}: {why}; "
            "--overlap fetches it all the same"
        )
    return until or (live_since if live_since < datetime.now(UTC) else None)


def _first_delivery(configuration: Configuration, source: str) -> tuple[bool, datetime | None]:
    """Return whether the relay's store can be read, and when the oldest delivery in it came that counted."""
    store = configuration.relay.store
    if store.path is not None and not store.path.is_file():
        # The relay may run on another machine.
        return False, None
    try:
        from gitdailies_relay.operations import reports
        from gitdailies_relay.store.store import database_of, reading

        with reading(database_of(store)) as session:
            return True, reports.first_delivery(session, source)
    except (GitDailiesError, ImportError):
        return False, None
