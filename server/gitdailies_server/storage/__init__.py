"""SQLite and PostgreSQL behind one interface, with group commit and migrations."""
