"""Questions to the derived rows."""
