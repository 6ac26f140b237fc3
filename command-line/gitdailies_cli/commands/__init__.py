"""The subcommands of `gitdailies`, one module each."""
