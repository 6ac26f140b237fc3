"""Datadog's API: its address and keys (`rest`), its catalog of services, and the set-up of its webhook."""
