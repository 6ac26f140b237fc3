"""`gitdailies.yml`: reading it, checking it, and the settings in it."""
