"""Build the published form of a step. A folder's `step.toml` names the module."""
