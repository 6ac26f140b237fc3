"""Log lines as JSON on standard error.

`setup` formats each entry and writes the lines. `rate_limited` counts warnings that input can trigger often.
"""
