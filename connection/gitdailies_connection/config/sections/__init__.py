"""The sections of gitdailies.yml as values."""
