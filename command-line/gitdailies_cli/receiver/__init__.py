"""Questions to the DORA server, over its API: events, and why they count."""
