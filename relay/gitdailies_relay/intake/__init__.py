"""The HTTP side that vendors post to."""
