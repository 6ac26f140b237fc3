"""Past weeks were packed in another form, from which 0018 makes that of today."""

from __future__ import annotations

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Leave the store as it is."""
