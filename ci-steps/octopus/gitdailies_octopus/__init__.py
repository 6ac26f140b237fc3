"""Deployments of the past, read through Octopus' API, as the step would have reported them."""
