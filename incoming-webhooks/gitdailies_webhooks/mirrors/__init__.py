"""Mirrors of Git repositories, read for commits and lead times."""
