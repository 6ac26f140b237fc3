"""Log lines as JSON on standard error.

`setup` formats each entry, `buffered_stderr` writes the lines, and `rate_limited` counts warnings that
input can trigger often.
"""

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog imports rich for errors in color, which no server prints: a tenth of the CPU time of a start.
    # An import of a module that is None fails, as if it were missing.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401

    del sys.modules["rich"]
