"""What a team's first month needs of the store, what people decide, and what is derived from the events.

What is derived: rows from which figures are computed, packed weeks, names of repositories. 0012 had other
tables of them. A store loses those, and the first server that starts derives the rows again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from gitdailies_server.storage.revisions import SEQUENCE, numbers, partial_index, texts

revision = "0018"
down_revision = "0012"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# One step in the index for each name: the next larger one.
_FILL = """
INSERT INTO repositories (name)
WITH RECURSIVE known(name) AS (
 SELECT min(repo) FROM events
 UNION ALL
 SELECT (SELECT min(repo) FROM events WHERE repo > known.name) FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL
"""
_COUNTS, _LINKED = "counts = 1", "deploy IS NOT NULL"
_DEPLOYS, _INCIDENTS = "figures_deploys", "figures_incidents"
_TARGET = ["repo", "environment", "service"]
# The table of each index, the end of its name, its columns, and the rows that are in it.
_INDEXES = (
    (_DEPLOYS, "place", [*_TARGET, "at", "id"], None),
    (_DEPLOYS, "counting", [*_TARGET, "at", "id"], _COUNTS),
    # The first deploy of each commit is found in the table of commits.
    (_DEPLOYS, "sha", [*_TARGET, "sha", "at", "id"], "own_new = 0"),
    (_DEPLOYS, "run", [*_TARGET, "run", "attempt", "sha"], "counts = 1 AND run <> ''"),
    (_DEPLOYS, "repo", ["repo", "environment", "at", "id"], _COUNTS),
    (_DEPLOYS, "at", ["environment", "at"], _COUNTS),
    (_DEPLOYS, "judged", ["id"], "judged <> ''"),
    (_DEPLOYS, "remedied", ["environment", "at"], "counts = 1 AND remedied_at IS NOT NULL"),
    ("figures_remedies", "remedy", ["remedy"], None),
    (_INCIDENTS, "repo", ["repo", "environment", "at"], None),
    (_INCIDENTS, "at", ["environment", "at"], None),
    (_INCIDENTS, "incident", ["repo", "incident_id"], None),
    (_INCIDENTS, "cause", ["repo", "environment", "cause"], "cause IS NOT NULL"),
    (_INCIDENTS, "deploy", ["deploy"], _LINKED),
    (_INCIDENTS, "linked_repo", ["repo", "environment", "deploy_at"], _LINKED),
    (_INCIDENTS, "linked_at", ["environment", "deploy_at"], _LINKED),
    (_INCIDENTS, "unlinked", ["environment", "at"], "deploy IS NULL"),
    (_INCIDENTS, "open", ["environment"], "ended_at IS NULL"),
)


def upgrade() -> None:
    _git()
    # Find the events of a repository in the order of arrival.
    op.create_index("events_repo_seq", "events", ["repo", "seq"])
    # A link for a new password is an invitation with a person.
    op.add_column("invitations", sa.Column("person_id", sa.BigInteger))
    _wrong_requests()
    _erased_events()
    _tokens()
    _sign_ins()
    _screens()
    _decisions()
    _repositories()
    # What is derived. Without the line of the settings, all events are derived again.
    for table in ("figures_deploys", "figures_commits", "figures_incidents"):
        op.drop_table(table, if_exists=True)
    op.execute("DELETE FROM figures_settings WHERE name = 'figures'")
    _deploys()
    _commits()
    _incidents()
    _packed_weeks()
    for table, name, columns, which in _INDEXES:
        rows = None if which is None else sa.text(which)
        op.create_index(f"{table}_{name}", table, columns, sqlite_where=rows, postgresql_where=rows)


def _git() -> None:
    """Rename `git_told` to `git_deploys`: what git says that each deploy brought. Every row is kept.

    The rows are copied, since a renamed table would keep the old names of its key and index.
    """
    op.create_table(
        "git_deploys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *texts("unknown", "commits"),
    )
    op.execute(
        "INSERT INTO git_deploys (id, repo, at, unknown, commits)"
        " SELECT id, repo, at, unknown, commits FROM git_told"
    )
    op.drop_table("git_told")
    op.create_index("git_deploys_repo", "git_deploys", ["repo"])


def _wrong_requests() -> None:
    op.create_table(
        "wrong_requests",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        *texts("problem", "detail"),
        *numbers("first_at", "last_at"),
    )
    op.create_index("wrong_requests_key", "wrong_requests", ["key_id"])


def _erased_events() -> None:
    """Recognize a repeat of an erased event by a hash of its id."""
    op.create_table(
        "erased_events",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _tokens() -> None:
    """A read token is a key with a person. Its name is unique among the tokens of that person."""
    op.add_column("keys", sa.Column("person_id", sa.BigInteger))
    op.drop_index("keys_live_name", "keys")
    live = "deleted_at IS NULL AND person_id IS"
    partial_index("keys_live_name", "keys", ["name"], f"{live} NULL", unique=True)
    partial_index("keys_token_name", "keys", ["person_id", "name"], f"{live} NOT NULL", unique=True)


def _sign_ins() -> None:
    op.create_table(
        "identities",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        *numbers("person_id", "created_at"),
    )
    op.create_index("identities_person", "identities", ["person_id"])
    op.create_table(
        "pending_sign_ins",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("next", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )


def _screens() -> None:
    """Links with which a screen on a wall shows figures."""
    op.create_table(
        "screens",
        sa.Column("id", SEQUENCE, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        *numbers("created_at", "expires_at"),
        sa.Column("seen_at", sa.BigInteger),
    )


def _decisions() -> None:
    op.create_table(
        "corrections",
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("deploy", sa.Text),
        *texts("reason", "actor"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "acknowledgements",
        sa.Column("line", sa.Text, primary_key=True),
        *texts("reason", "actor"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("acknowledgements_at", "acknowledgements", ["at"])


def _repositories() -> None:
    """Name every repository that an event has."""
    op.create_table("repositories", sa.Column("name", sa.Text, primary_key=True), sqlite_with_rowid=False)
    op.execute(_FILL)


def _deploys() -> None:
    op.create_table(
        _DEPLOYS,
        sa.Column("id", _NAME, primary_key=True),
        *(sa.Column(name, _NAME, nullable=False) for name in _TARGET),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, _NAME, nullable=False)
            for name in ("sha", "exact", "run", "attempt", "reporter", "says")
        ),
        sa.Column("counts", sa.Integer, nullable=False),
        *texts("rule", "repeats", "type"),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("rework", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Text, nullable=False),
        sa.Column("unknown_commits", sa.Integer, nullable=False),
        sa.Column("leads", sa.Text, nullable=False),
        sa.Column("own_new", sa.Integer, nullable=False),
        *texts("mentions", "reverts"),
        sa.Column("remedied_at", sa.BigInteger),
        sa.Column("judged", sa.Text, nullable=False, server_default=""),
    )


def _commits() -> None:
    def key() -> list[Any]:
        return [
            *(sa.Column(name, _NAME, primary_key=True) for name in ("repo", "environment", "sha", "service")),
            sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("deploy", _NAME, primary_key=True),
        ]

    op.create_table(
        "figures_commits",
        *key(),
        sa.Column("own", sa.Integer, nullable=False),
        sa.Column("brought", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table("figures_reverts", *key(), sqlite_with_rowid=False)
    op.create_table(
        "figures_remedies",
        sa.Column("deploy", _NAME, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("remedy", _NAME, primary_key=True),
        sa.Column("sha", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "figures_lengths",
        sa.Column("repo", _NAME, primary_key=True),
        sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        _INCIDENTS,
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        *(sa.Column(name, _NAME, nullable=False) for name in (*_TARGET, "incident_id")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("end_id", _NAME),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("merged", sa.Integer, nullable=False),
        sa.Column("cause", _NAME),
        sa.Column("deploy", _NAME),
        sa.Column("deploy_service", _NAME),
        sa.Column("deploy_at", sa.BigInteger),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("wide", _NAME),
    )


def _packed_weeks() -> None:
    """Past weeks as arrays of numbers, a row for each environment and week."""
    arrays = ("deploys", "lead_times", "failures", "unlinked", "lead_counts", "times", "rest")
    op.create_table(
        "packed_weeks",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        *numbers("ended", "holds_from"),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("places", *arrays)),
    )
