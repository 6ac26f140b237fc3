"""Log lines as JSON, buffered and limited in rate."""
