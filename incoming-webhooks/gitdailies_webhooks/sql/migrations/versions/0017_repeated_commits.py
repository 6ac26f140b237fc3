"""The index of deploys by their commit leaves out the first of each, which the table of commits finds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_COLUMNS = ["repo", "environment", "service", "sha", "at", "id"]
_REPEATED = sa.text("own_new = 0")


def upgrade() -> None:
    op.drop_index("figures_deploys_sha", "figures_deploys")
    op.create_index(
        "figures_deploys_sha",
        "figures_deploys",
        _COLUMNS,
        sqlite_where=_REPEATED,
        postgresql_where=_REPEATED,
    )
