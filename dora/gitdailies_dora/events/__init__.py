"""Events: read from a request, decided against the store, stored, listed.

    body → reading.cloud_events → intake.parse → intake.decide → queries → store
                                                      ↑
                                          strict_order (only with --strict-order)

`store` is what servers hold open, `queries` are its statements. `change_log` says which events the
derived rows do not include yet. `query` reads query strings, `problem` holds the answers to wrong
requests, `retention` deletes expired events.
"""
