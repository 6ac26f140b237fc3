"""Series: the figures of groups over time, from the derived rows.

```text
parameters ─► question ─► answer ◄─ sums ◄─┬─ packed weeks
                            │              └─ parts ◄─ rows
                          names
```

`figures.series` decides what is added up, and makes the answer of it.
"""
