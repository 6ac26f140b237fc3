"""GitHub's REST API: its address and headers (`rest`), and the set-up of a webhook."""
