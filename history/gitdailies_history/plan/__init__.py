"""The plan: events in any order become named, paired and sorted events to send."""
