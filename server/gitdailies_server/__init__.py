"""What a server stands on: its store, group commit, migrations, sockets, clock and log."""
