"""The database of incoming webhooks, SQLite or PostgreSQL: its tables, its migrations, its connections.

`database` opens it, `bulk` writes statements about many rows, `tables` and `account_tables` are the schema
that the migrations lead to. Statements about one subject are in the package of that subject.
"""
