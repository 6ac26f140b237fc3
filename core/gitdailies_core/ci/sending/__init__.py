"""Sending deploys to the receiver, on the standard library alone."""
