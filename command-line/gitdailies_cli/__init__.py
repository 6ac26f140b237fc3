"""The command `gitdailies`.

`main` finds a subcommand in `commands` or `history` and imports only that one. `find_config` finds
gitdailies.yml, `send_events` sends what a command reports, `output` prints for people and programs, and
`process` runs a server. Errors become one line and an exit code in `main`.
"""
