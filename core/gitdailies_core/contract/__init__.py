"""Checks that any adapter can run against itself."""
