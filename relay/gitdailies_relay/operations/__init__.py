"""What people and their tools see and do: status, metrics, reports, replay, services without a route.

`status_app` serves health, status and metrics. `reports`, `replay` and `unmapped` are what the
`gitdailies relay` commands run, on the store and with or without a running server.
"""
