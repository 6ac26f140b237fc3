"""Answers to questions about figures: selections, sums over segments of time, series, comparisons. Pure."""
