"""`gitdailies relay`: `commands` runs the server; the others read its store and act on it, running or not."""
