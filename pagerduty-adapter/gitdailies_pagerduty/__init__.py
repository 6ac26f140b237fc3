"""The PagerDuty adapter."""

from gitdailies_pagerduty.adapter import adapter

__all__ = ["adapter"]
