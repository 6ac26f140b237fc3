"""The database of the DORA server, SQLite or PostgreSQL: its tables, its migrations, its connections.

`database` opens it, and `bulk` writes statements about many rows. Statements about one subject are in the
package of that subject.
"""
