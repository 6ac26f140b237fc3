"""The events: kinds and fields, their schema, ids, and the names that a receiver uses."""
