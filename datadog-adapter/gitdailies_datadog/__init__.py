"""The Datadog adapter."""

from gitdailies_datadog.adapter import adapter

__all__ = ["adapter"]
