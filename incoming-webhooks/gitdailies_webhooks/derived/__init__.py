"""Rows derived from the events, from which figures are answered."""
