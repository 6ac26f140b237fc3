"""Packed weeks have one row for each place, and single deploys beside them. The server packs them again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ARRAYS = ("deploys", "lead_times", "failures", "unlinked", "lead_counts", "times", "rest")


def upgrade() -> None:
    op.drop_table("packed_weeks")
    op.create_table(
        "packed_weeks",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("holds_from", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("places", *_ARRAYS)),
    )
