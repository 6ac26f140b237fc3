"""Plain values that all other parts use: times, strict JSON and secrets."""
