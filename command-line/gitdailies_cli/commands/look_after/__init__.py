"""Commands for stores, keys, services and teams."""
