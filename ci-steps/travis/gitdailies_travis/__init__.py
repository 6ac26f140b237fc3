"""Deploys of the past, read through Travis' API, as the step would have reported them."""
