"""The subcommands, one module each; the commands about history are in `gitdailies_cli.history`."""
