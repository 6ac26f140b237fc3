"""What a platform takes as a package, in addition to its script. A folder's `step.toml` names the modules."""
