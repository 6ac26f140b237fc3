"""The relay's deliveries, its services and its refusals."""
