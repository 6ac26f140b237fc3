"""Sending a plan, with a checkpoint."""
