"""The Squadcast adapter.

A webhook goes through `adapter`, with the event types of `table`. Past incidents come from the API:
`reader` fetches them, and `past` gives them the shape of a webhook so that `adapter` translates them.
"""

from gitdailies_squadcast.adapter import adapter

__all__ = ["adapter"]
