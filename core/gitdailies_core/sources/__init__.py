"""What an adapter is, and what it builds on.

A delivery flows through an adapter as plain values:

    Request ──▶ adapter.verify     raises ProofError unless the delivery comes from the vendor
       └──────▶ adapter.translate  ──▶ messages, each a Change, Deploy, Push, Ignored or Unreadable
                     └── reads the body with Fields, a PayloadError names the path

`registry` finds installed adapters. `history` is the counterpart for past events: a Reader asks
a vendor's API for pages and yields the same messages.
"""
