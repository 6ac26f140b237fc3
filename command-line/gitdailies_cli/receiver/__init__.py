"""Questions to incoming webhooks, over their API: events, and why they count."""
