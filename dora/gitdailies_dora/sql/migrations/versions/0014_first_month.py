"""What a team's first month needs of the store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COUNTS, _NAMED = sa.text("counts = 1"), sa.text("counts = 1 AND run <> ''")
_CAUSED, _LINKED = sa.text("cause IS NOT NULL"), sa.text("deploy IS NOT NULL")


def upgrade() -> None:
    _lists_of_repositories()
    _links_for_new_passwords()
    _wrong_requests()
    _erased_events()
    _figures()


def _lists_of_repositories() -> None:
    """Find the events of a repository in the order of arrival."""
    op.create_index("events_repo_seq", "events", ["repo", "seq"])


def _erased_events() -> None:
    """Recognize a repeat of an erased event by a hash of its id."""
    op.create_table(
        "erased_events",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _wrong_requests() -> None:
    op.create_table(
        "wrong_requests",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_index("wrong_requests_key", "wrong_requests", ["key_id"])


def _links_for_new_passwords() -> None:
    op.add_column("invitations", sa.Column("person_id", sa.BigInteger))


def _figures() -> None:
    """Rows of the new definitions. The rows are dropped; the first server that starts derives them again."""
    for table in ("deploys", "commits", "incidents"):
        op.drop_table(f"figures_{table}")
    op.execute("DELETE FROM figures_settings")
    _deploys()
    _commits()
    _incidents()


def _index(table: str, name: str, columns: list[str], where: sa.TextClause | None = None) -> None:
    op.create_index(
        f"figures_{table}_{name}", f"figures_{table}", columns, sqlite_where=where, postgresql_where=where
    )


def _deploys() -> None:
    op.create_table(
        "figures_deploys",
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("repo", _NAME, nullable=False),
        sa.Column("environment", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, _NAME, nullable=False)
            for name in ("sha", "exact", "run", "attempt", "reporter", "says")
        ),
        sa.Column("counts", sa.Integer, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("repeats", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("rework", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Text, nullable=False),
        sa.Column("unknown_commits", sa.Integer, nullable=False),
        sa.Column("leads", sa.Text, nullable=False),
        sa.Column("own_new", sa.Integer, nullable=False),
        sa.Column("mentions", sa.Text, nullable=False),
        sa.Column("reverts", sa.Text, nullable=False),
        sa.Column("remedied_at", sa.BigInteger),
    )
    place = ["repo", "environment", "service"]
    _index("deploys", "place", [*place, "at", "id"])
    _index("deploys", "counting", [*place, "at", "id"], _COUNTS)
    _index("deploys", "sha", [*place, "sha", "at", "id"])
    _index("deploys", "run", [*place, "run", "attempt", "sha"], _NAMED)
    _index("deploys", "repo", ["repo", "environment", "at", "id"], _COUNTS)
    _index("deploys", "at", ["environment", "at"], _COUNTS)


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
    _index("remedies", "remedy", ["remedy"])
    op.create_table(
        "figures_lengths",
        sa.Column("repo", _NAME, primary_key=True),
        sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        "figures_incidents",
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, _NAME, nullable=False)
            for name in ("repo", "environment", "service", "incident_id")
        ),
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
    _index("incidents", "repo", ["repo", "environment", "at"])
    _index("incidents", "at", ["environment", "at"])
    _index("incidents", "incident", ["repo", "incident_id"])
    _index("incidents", "cause", ["repo", "environment", "cause"], _CAUSED)
    _index("incidents", "deploy", ["deploy"], _LINKED)
    _index("incidents", "linked_repo", ["repo", "environment", "deploy_at"], _LINKED)
    _index("incidents", "linked_at", ["environment", "deploy_at"], _LINKED)
