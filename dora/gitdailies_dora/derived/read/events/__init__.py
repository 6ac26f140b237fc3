"""Lists of events, and one event with all that is related to it."""
