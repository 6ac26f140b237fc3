"""The history of deploys and incidents: what counts, what repeats, what failed, and why. Pure."""
