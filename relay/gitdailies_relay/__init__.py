"""The relay: vendors' deliveries in, events out to GitDailies, nothing lost in between."""
