"""Figures of one selection, and what the page of a repository shows."""
