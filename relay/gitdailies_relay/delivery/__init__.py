"""From the outbox to the receiver: send what may be sent, in order, and write down what came of it.

```
store ── worker ── batches ── senders (threads) ── HTTP
  ▲        │                      │
  │        └─ receiver_watch      │
  └──── results ◄─────────────────┘
           └── verdicts, isolation, circuit_breaker
```

`worker` is the loop. Decisions are pure and apart from it: `verdicts` says what follows from an answer,
`isolation` whose fault a failure is, `circuit_breaker` and `pauses` when to leave the receiver alone,
`probes` which event then asks, `receiver_kind` what the receiver is taken for, `batches` what goes in
one request.
"""
