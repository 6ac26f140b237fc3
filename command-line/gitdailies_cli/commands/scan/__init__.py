"""`gitdailies scan`: the figures of one git repository, without a server."""
