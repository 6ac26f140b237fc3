"""Commands that show events and figures."""
