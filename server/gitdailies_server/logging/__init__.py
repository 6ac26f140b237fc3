"""Log lines as JSON on standard error.

`setup` formats each entry, `buffered_stderr` writes the lines, and `rate_limited` counts warnings that
input can trigger often.
"""
