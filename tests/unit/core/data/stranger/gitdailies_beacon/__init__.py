"""An adapter that somebody else wrote, for a vendor that does not exist."""

from gitdailies_beacon.adapter import adapter

__all__ = ["adapter"]
