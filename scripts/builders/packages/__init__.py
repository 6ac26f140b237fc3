"""What a platform takes as a package, beside its script. A folder's `step.toml` names the modules."""
