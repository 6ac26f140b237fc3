"""The events that are sent: their kinds and fields, schema, ids, and the names that a receiver uses.

`events.events.KINDS` is the one table. Everything else reads it:

    KINDS ──▶ Event.make / Event.from_wire ──▶ Event ──▶ Dialect.write ──▶ JSON for one receiver
      └────▶ schema.event_schema ──▶ checks of bodies, OpenAPI, `make dist`
"""
