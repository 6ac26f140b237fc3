"""Readers of the past of CI platforms: what their listings say, as the step would have reported it."""
