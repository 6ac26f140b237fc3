"""The command `gitdailies`.

`main` finds a subcommand in `commands` or `history` and imports only that one. `find_config` finds
gitdailies.yml, `reporting` has what commands that report share, `send_events` sends, `output` prints for
people and programs, and `process` runs a server. Errors become one line and an exit code in `main`.
"""
