"""The relay: webhooks of incident tools in, events for GitDailies out, nothing lost in between.

```
HTTP ── intake ── accepting ── store ── delivery ── HTTP to the receiver
                                 └────── operations ── api: status, metrics, deliveries and actions on them
```

`intake` reads a delivery, `accepting` decides what it means, `store` keeps both in one transaction,
and only then the vendor is answered. `delivery` sends what the store holds. `operations` is what the command,
the API and the pages read and do. `server` runs them all.
"""
