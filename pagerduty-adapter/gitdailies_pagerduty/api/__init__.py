"""PagerDuty's REST API: requests (`rest`), its services as a catalog, and the set-up of its webhook."""
