"""What people and their tools see and do: the functions behind the commands, the API and the pages.

They work on a store, with or without a running server. The answers are those of
`gitdailies_connection.relay`.

```
reading ─▶ outcomes ─▶ deliveries        one reading of a delivery
incidents, attention ─▶ status ─▶ metrics
replay, stored_bodies, services ─▶ acting, erase
```
"""
