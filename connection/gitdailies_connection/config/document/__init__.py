"""YAML documents with line numbers, and the faults of their schema."""
