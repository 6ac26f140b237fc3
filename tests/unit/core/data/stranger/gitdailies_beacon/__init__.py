"""An adapter by another author, for a vendor that does not exist."""

from gitdailies_beacon.adapter import adapter

__all__ = ["adapter"]
