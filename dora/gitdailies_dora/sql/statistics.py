"""When to refresh what PostgreSQL's planner knows of the tables, while they grow.

Autovacuum does it too, but a minute after the rows came, and not on every server. Until then the planner
takes each column to be as selective as any other. An import would then look for each deploy among all
deploys of its environment. SQLite chooses its indexes by the order of their columns, and needs nothing.
"""

from gitdailies_server.storage.database import Session

from gitdailies_dora.sql.bulk import takes_lists

# The tables that rows are looked up in. Statistics of the bodies of events would take the longest.
TABLES = (
    "events (seq, id, kind, time, repo, environment, service, incident_id)",
    "figures_changes",
    "figures_deploys",
    "figures_commits",
    "figures_reverts",
    "figures_remedies",
    "figures_incidents",
)
# With fewer rows, any plan is fast.
FIRST_EVENTS = 1000


class Growth:
    """How many events were derived since the statistics were refreshed."""

    def __init__(self) -> None:
        self._events = 0
        self._next = FIRST_EVENTS

    def add(self, events: int) -> bool:
        """Add *events*; return whether the statistics are due. They are each time the number has doubled."""
        self._events += events
        if self._events < self._next:
            return False
        self._next = 2 * self._events
        return True


def refresh(session: Session, table: str) -> None:
    """Refresh the statistics of one of `TABLES`."""
    if takes_lists(session):
        session.execute(f"ANALYZE {table}")
