"""Deploys of the past, read through CircleCI's API, as the orb would have reported them."""
