"""Plain values: times, strict JSON, secrets."""
