"""SQLite and PostgreSQL behind one interface.

`database` is the interface; `sqlite` and `postgresql` implement it. `group_commit` writes items of many
requests in one synced transaction, and `write_scope` says what such a transaction is about. `migrations`
brings a schema up to date at the start.
"""
