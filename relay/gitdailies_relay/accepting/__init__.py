"""From a delivery to stored events: interpret, deduplicate, decide."""
