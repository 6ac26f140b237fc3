"""Past weeks as columns of figures, in place of sums by repository. The server packs them again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.drop_table("packed_sums")
    op.drop_table("packed_weeks")
    op.create_table(
        "packed_weeks",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("holds_from", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.LargeBinary, nullable=False)
            for name in ("places", "deploys", "lead_times", "failures", "unlinked")
        ),
    )
