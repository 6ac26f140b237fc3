"""Deploys of the past, read through GitHub's API, as the Action would have reported them."""
