"""Less is read: packed weeks have one row for each place, and an index of deploys leaves out most of them.

Packed weeks have single deploys beside these rows. The server packs them again. The index of deploys by their
commit leaves out the first deploy of each commit, which the table of commits finds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DEPLOYS = ["repo", "environment", "service", "sha", "at", "id"]
_REPEATED = sa.text("own_new = 0")
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
    op.drop_index("figures_deploys_sha", "figures_deploys")
    op.create_index(
        "figures_deploys_sha",
        "figures_deploys",
        _DEPLOYS,
        sqlite_where=_REPEATED,
        postgresql_where=_REPEATED,
    )
