"""The derived rows: their types, their statements, and what reads and update share."""
