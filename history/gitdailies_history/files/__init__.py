"""Files of past events: formats, rows, mapping."""
