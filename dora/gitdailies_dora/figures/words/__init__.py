"""Figures in words: reasons, advice, durations, the timeline of a deploy, and the review of a week. Pure."""
