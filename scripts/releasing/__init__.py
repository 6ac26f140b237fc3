"""What a release holds: its version, changelog, names, pages and archives. Nothing here runs a program."""
