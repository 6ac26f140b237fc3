"""The receiver's tables of what people decided: corrections of events, and lines of the review."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from gitdailies_webhooks.sql.account_tables import METADATA

# A correction of a deploy, or of the start of an incident: figures.corrections. `event` is the id of its
# event, and `deploy` that of the deploy that caused an incident. A later correction takes its place.
CORRECTIONS = Table(
    "corrections",
    METADATA,
    Column("event", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("deploy", Text),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# A line of the review that a person marked as done.
ACKNOWLEDGEMENTS = Table(
    "acknowledgements",
    METADATA,
    Column("line", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("acknowledgements_at", ACKNOWLEDGEMENTS.c.at)
