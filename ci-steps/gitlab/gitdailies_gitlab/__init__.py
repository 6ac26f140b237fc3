"""Deployments of the past, read through GitLab's API, as the step would have reported them."""
