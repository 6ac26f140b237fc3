"""The command `gitdailies`."""
