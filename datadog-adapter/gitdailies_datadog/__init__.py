"""The Datadog adapter.

A webhook's body is what a user pasted into Datadog, one of `templates/`:

    adapter ─▶ variables.filled ─┬▶ monitors (title, table)    a monitor's alert
                                 └▶ incidents (table)          Incident Management

Past incidents and alerts come from the API: `reader` fetches them, and `past` gives them the shape
of a filled template so that the same functions translate them.
"""

from gitdailies_datadog.adapter import adapter

__all__ = ["adapter"]
