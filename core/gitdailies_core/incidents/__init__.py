"""From changes of incidents to events: occurrences, matching, merges, routing."""
