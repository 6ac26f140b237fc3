"""The Squadcast adapter."""

from gitdailies_squadcast.adapter import adapter

__all__ = ["adapter"]
