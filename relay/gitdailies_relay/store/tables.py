"""The relay's tables, for the migrations and for anyone who reads the store by hand.

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"" means "none" in key columns, because NULL never equals NULL.

```
deliveries   one row per message of a delivery: what came, and what was decided
quarantine   bodies that could not be translated or routed
ignored      bodies of deliveries that were read and gave no event
occurrences  one row per incident, target and occurrence: the state of the incidents
events       every event that was decided, with its full body
outbox       the events that are not delivered yet, dead letters included
attempts     one row per attempt to deliver an event
destinations the destinations that are paused
receivers    what is known of each destination's receiver
pushed_commits, deployed_commits   what pushes and deploys tell for the lead time
actions      what people did: discarded, closed, paused, resumed
outcome_counts, source_days   how many messages had which outcome, and how often each source sends
refusals     requests to /hooks/ that were refused, counted in groups
```
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # so that SQLite makes it the rowid

# One row per message of a delivery: what came, what was decided, and why.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("word", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("events", Text, nullable=False),
)
# Recognizes the redelivery of a message that was stored.
Index(
    "deliveries_stored",
    DELIVERIES.c.source,
    DELIVERIES.c.message,
    unique=True,
    sqlite_where=text("outcome = 'stored'"),
    postgresql_where=text("outcome = 'stored'"),
)
Index("deliveries_incident", DELIVERIES.c.incident)
# Ids of deliveries begin with their time, so this lists them in the order of arrival and grows at its end.
Index("deliveries_delivery", DELIVERIES.c.delivery)

# Bodies of proven deliveries that could not be counted, for `relay replay`. `headers` is a JSON
# object of the delivery's headers less the proof, or "" for a body of an older version.
QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("replayed_at", BigInteger),
    Column("headers", Text, nullable=False, server_default=""),
    # Why a person discarded it. Then it waits for no replay.
    Column("discarded", Text),
    # Of the body as it came, before fields of people were left out; "" for a body of an older version.
    Column("digest", Text, nullable=False, server_default=""),
)
Index(
    "quarantine_waiting",
    QUARANTINE.c.code,
    QUARANTINE.c.delivery,
    sqlite_where=text("replayed_at IS NULL"),
    postgresql_where=text("replayed_at IS NULL"),
)

# Bodies of proven deliveries that were filtered or ignored. They are many and short-lived, and no
# alert counts them, so they have a table of their own.
IGNORED = Table(
    "ignored",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("replayed_at", BigInteger),
    Column("headers", Text, nullable=False),
    Column("digest", Text, nullable=False, server_default=""),
)

# One record per incident, target and occurrence: gitdailies_core.incidents.state_machine.
OCCURRENCES = Table(
    "occurrences",
    METADATA,
    Column("destination", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("incident", Text, primary_key=True),
    Column("repo", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("merged_into", Text),
    Column("resolution", Text),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "occurrences_merged",
    OCCURRENCES.c.destination,
    OCCURRENCES.c.source,
    OCCURRENCES.c.merged_into,
    sqlite_where=text("state = 'merged'"),
    postgresql_where=text("state = 'merged'"),
)

# Finds open incidents, the oldest first, and counts them without a look at their rows.
Index(
    "occurrences_open",
    OCCURRENCES.c.started_at,
    OCCURRENCES.c.state,
    sqlite_where=text("state IN ('open', 'merged')"),
    postgresql_where=text("state IN ('open', 'merged')"),
)

# Every event that was decided, with its full body.
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("id", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    # Why a person discarded it.
    Column("discarded", Text),
)
# An id is a hash. An index on it alone would be read and written all over.
Index("events_identity", EVENTS.c.incident, EVENTS.c.id, EVENTS.c.destination, unique=True)
Index("events_delivery", EVENTS.c.delivery)

# The events that are not delivered yet. The rows are narrow, because every attempt changes them.
# `partition` is the incident whose events must stay in order. `is_next` is 1 for the first event of
# its partition that is not delivered, the only one that may be sent. `dead_letter` is the reason
# why an event is one.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("is_next", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt_at", BigInteger),
    Column("dead_letter", Text),
    # Until then one of several servers is sending the event, and the others leave it alone.
    Column("leased_until", BigInteger),
    # How often, and since when, the receiver refused this event in a way that may be about all of them.
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("refused_at", BigInteger),
    # A start that is held is not sent while it has this time: gitdailies_relay.store.holds.
    Column("held_until", BigInteger),
)
Index(
    "outbox_held",
    OUTBOX.c.held_until,
    sqlite_where=text("held_until IS NOT NULL"),
    postgresql_where=text("held_until IS NOT NULL"),
)
Index(
    "outbox_partition",
    OUTBOX.c.partition,
    OUTBOX.c.seq,
    sqlite_where=text("dead_letter IS NULL"),
    postgresql_where=text("dead_letter IS NULL"),
)
Index(
    "outbox_due",
    OUTBOX.c.due_at,
    sqlite_where=text("is_next = 1 AND dead_letter IS NULL"),
    postgresql_where=text("is_next = 1 AND dead_letter IS NULL"),
)

# Dead letters are few and are asked for often.
Index(
    "outbox_dead_letters",
    OUTBOX.c.seq,
    sqlite_where=text("dead_letter IS NOT NULL"),
    postgresql_where=text("dead_letter IS NOT NULL"),
)

# Events that were tried wait apart, so that those that were never tried do not wait for them.
Index(
    "outbox_tried",
    OUTBOX.c.due_at,
    sqlite_where=text("is_next = 1 AND dead_letter IS NULL AND attempts > 0"),
    postgresql_where=text("is_next = 1 AND dead_letter IS NULL AND attempts > 0"),
)

# One row per attempt to deliver an event, for `relay explain`.
ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("event_seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # The beginning of the receiver's answer.
    Column("answer", Text, nullable=False, server_default=""),
)
Index("attempts_event", ATTEMPTS.c.event_seq)

# A destination without a row is not paused.
DESTINATIONS = Table(
    "destinations",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("paused", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
)

# What the receiver of a destination is, by its last answer that was sure, and its address then.
# `resumed` counts the commands that ask a running server to send everything now.
RECEIVERS = Table(
    "receivers",
    METADATA,
    Column("destination", Text, primary_key=True),
    Column("address", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False, server_default=""),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Column("resumed", BigInteger, nullable=False, server_default="0"),
)

# How many messages had each outcome, since the store was made. A replay counts apart. Writers that share a
# database have a bucket each; what counts is the sum.
OUTCOME_COUNTS = Table(
    "outcome_counts",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("is_replay", Integer, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("bucket", Integer, primary_key=True, server_default="0"),
    Column("messages", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The deliveries of each source and day, in buckets as above: gitdailies_relay.accepting.source_days.
SOURCE_DAYS = Table(
    "source_days",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("bucket", Integer, primary_key=True, server_default="0"),
    Column("deliveries", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("longest_gap", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The commits of pushes, without messages and people. `reverts` are SHAs. Names are in small letters.
PUSHED_COMMITS = Table(
    "pushed_commits",
    METADATA,
    Column("repo", Text, primary_key=True),
    Column("sha", Text, primary_key=True),
    Column("branch", Text, primary_key=True),
    # The commit before it on the branch, or "" where that is unknown.
    Column("parent", Text, nullable=False),
    Column("committed_at", BigInteger),
    Column("is_merge", Integer, nullable=False),
    Column("reverts", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("pushed_commits_age", PUSHED_COMMITS.c.received_at)

# What was deployed where, to find the commit before it.
DEPLOYED_COMMITS = Table(
    "deployed_commits",
    METADATA,
    Column("repo", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("deployed_at", BigInteger, primary_key=True),
    Column("sha", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Deploys that are held until their pushes come: gitdailies_relay.accepting.waiting. Names of places are in
# small letters.
WAITING_DEPLOYS = Table(
    "waiting_deploys",
    METADATA,
    Column("event_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("repo", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("deployed_at", BigInteger, nullable=False),
    Column("sha", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("previous", Text, nullable=False),
    # The message that told it, and what its delivery says of the wait.
    Column("message", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("waiting_deploys_repo", WAITING_DEPLOYS.c.repo)

# What people did with the commands. `subject` is an event, a delivery, an incident or a destination.
ACTIONS = Table(
    "actions",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("actions_subject", ACTIONS.c.subject)

# Requests to /hooks/ that were refused: who sent them, with what fault, how often. Never a body or a header.
REFUSALS = Table(
    "refusals",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)
Index("refusals_last", REFUSALS.c.last_at)
