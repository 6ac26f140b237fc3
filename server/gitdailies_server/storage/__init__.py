"""SQLite and PostgreSQL behind one interface.

`database` is the interface; `sqlite` and `postgresql` implement it. `group_commit` writes items of many
requests in one synced transaction, and `migrations` brings a schema up to date at the start.
"""
