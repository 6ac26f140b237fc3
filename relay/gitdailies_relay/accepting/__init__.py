"""From a delivery to events: verify, translate and route it, then decide what it changes.

```
request ── interpret ── Interpretation ── acceptance ── NewRows ── store
                                              └── reads and writes through store_port
```

`interpret` is pure. `acceptance` runs inside one transaction of the store.
"""
