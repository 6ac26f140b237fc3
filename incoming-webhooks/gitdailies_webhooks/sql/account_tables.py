"""The receiver's tables of keys and people, and the audit trail; `tables` has the rest."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

METADATA = MetaData()

# An Integer key is the rowid of SQLite.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")

# Webhook keys, and the read tokens of people, which have a `person_id`. A deleted one keeps its row, since
# events and audit lines refer to it.
KEYS = Table(
    "keys",
    METADATA,
    Column("id", SEQUENCE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("allow", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_used_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("person_id", BigInteger),
)
_LIVE_KEY = text("deleted_at IS NULL AND person_id IS NULL")
_LIVE_TOKEN = text("deleted_at IS NULL AND person_id IS NOT NULL")
# A key and its successor may both be live, but not under one name. Nor may two tokens of a person.
Index("keys_live_name", KEYS.c.name, unique=True, sqlite_where=_LIVE_KEY, postgresql_where=_LIVE_KEY)
Index(
    "keys_token_name",
    KEYS.c.person_id,
    KEYS.c.name,
    unique=True,
    sqlite_where=_LIVE_TOKEN,
    postgresql_where=_LIVE_TOKEN,
)

# Wrong requests with a valid key: a line for each mistake, as the problem's word and detail.
WRONG_REQUESTS = Table(
    "wrong_requests",
    METADATA,
    Column("seq", SEQUENCE, primary_key=True),
    Column("key_id", BigInteger, ForeignKey("keys.id"), nullable=False),
    Column("problem", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)
Index("wrong_requests_key", WRONG_REQUESTS.c.key_id)

# The audit trail: who changed what, other than by sending an event. `detail` is JSON, enough to undo it.
AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", SEQUENCE, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# People. A removed person keeps the row, since audit lines name them, but has no password.
PEOPLE = Table(
    "people",
    METADATA,
    Column("id", SEQUENCE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger),
    Column("removed_at", BigInteger),
)
Index(
    "people_name",
    PEOPLE.c.folded,
    unique=True,
    sqlite_where=text("removed_at IS NULL"),
    postgresql_where=text("removed_at IS NULL"),
)

# One-time links, by the hash of their token. `invited_by` is null for a link made by the server or a command.
# With `person_id`, the link is for a new password of this person; else it adds a person.
INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("role", Text, nullable=False),
    Column("invited_by", BigInteger, ForeignKey("people.id")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("person_id", BigInteger),
)

# Links with which a screen on a wall shows figures, by the hash of their token.
SCREENS = Table(
    "screens",
    METADATA,
    Column("id", SEQUENCE, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger),
)

# Sessions of signed-in people, by the hash of the cookie.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# The accounts of other systems with which people sign in: the hash of the provider and of the account's name
# there. `provider` is the issuer of OpenID Connect, or "header". The row of a removed person stays, so that
# the account does not get in again; an owner lets it in by deleting the row.
IDENTITIES = Table(
    "identities",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
Index("identities_person", IDENTITIES.c.person_id)

# Sign-ins that went to a provider and are not back yet: the hash of the state, that of the browser's cookie,
# and the page to open then. Each is used once.
PENDING_SIGN_INS = Table(
    "pending_sign_ins",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("browser", LargeBinary, nullable=False),
    Column("next", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
