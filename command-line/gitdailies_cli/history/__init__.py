"""`gitdailies history`: import and fetch."""
