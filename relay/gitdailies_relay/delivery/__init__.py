"""From the outbox to the receiver: send what may be sent, in order, and write down what came of it.

```
store ── worker ── batches ── senders (threads) ── HTTP
  ▲                               │
  └─────── results ◄──────────────┘
                └── circuit_breaker, pauses
```

`worker` is the loop. Decisions are pure and apart from it: `batches`, `circuit_breaker` and
`gitdailies_core.retry`. `clock_jumps` mends times that a wrong wall clock wrote.
"""
