"""The PagerDuty adapter.

A webhook goes through `adapter`, with the event types of `table`. Past incidents come from the API:
`reader` fetches the pages, and `past` translates them to the same changes.
"""

from gitdailies_pagerduty.adapter import adapter

__all__ = ["adapter"]
