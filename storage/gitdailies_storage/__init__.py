"""What rooms that keep something share: SQLite connections, group commit, locks, migrations."""
