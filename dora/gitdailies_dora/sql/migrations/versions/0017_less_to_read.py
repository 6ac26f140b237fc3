"""Past weeks were packed in another form again, see 0018."""

from __future__ import annotations

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Leave the store as it is."""
