"""Stand-ins of the issuers of ID tokens of CI platforms."""
