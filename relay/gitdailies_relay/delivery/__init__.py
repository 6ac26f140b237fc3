"""From the outbox to the receiver: send what may be sent, in order, and write down what came of it.

```
store ── worker ── senders (threads) ── HTTP
           │  └─ receiver ── receiver_kind
           └──── batches ── isolation
```

`worker` is the loop, and records what came back. Decisions are pure and apart from it: `batches` says what
goes in one request and what follows from its answer, `isolation` whose fault a failure is, when to leave the
receiver alone and what to probe it with, `receiver_kind` what the receiver is taken for.
"""
