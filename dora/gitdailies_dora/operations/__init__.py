"""What supervisors and operators see of a running receiver: readiness, metrics, and their listener.

`readiness` writes to the store, `metrics` counts, and `status_app` serves both to this machine or to a
private network.
"""
