"""The plan: which events are sent, in which order."""
