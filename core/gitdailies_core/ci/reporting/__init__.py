"""How a step meets its job: the settings, the log, and the report with its exit code."""
