"""Past events from a vendor's API."""
