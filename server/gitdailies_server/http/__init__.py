"""The HTTP listener and its limits."""
