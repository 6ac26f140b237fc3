"""Stored with events: changes to derive, spellings of repositories, corrections, hashes of ids."""
