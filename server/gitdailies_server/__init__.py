"""What both servers, the relay and the DORA server, are built on.

`http` listens and bounds connections and requests. `storage` opens SQLite or PostgreSQL, migrates the
schema and commits in groups. `logging` writes JSON lines to standard error. A request takes this way:

    listener → connection → the application → group_commit → database → answer
"""
