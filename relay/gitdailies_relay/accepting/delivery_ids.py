"""The ids of deliveries."""

from __future__ import annotations

import os


def delivery_id(at: int) -> str:
    """Make the id of a delivery received *at* (µs). Ids sort by time and cannot be guessed."""
    return f"d{at:014x}{os.urandom(4).hex()}"
