"""The relay's store: tables, outbox, retention, migrations."""
