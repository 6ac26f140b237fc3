"""The version of the step. The joiner writes it into the published files; in a checkout there is none."""

VERSION = ""
