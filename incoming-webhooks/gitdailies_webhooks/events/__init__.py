"""Taking, storing and querying events."""
