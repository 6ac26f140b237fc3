"""Checks of a receiver: can it be reached, and does it take what is sent."""
