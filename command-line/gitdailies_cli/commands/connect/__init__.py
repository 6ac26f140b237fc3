"""`gitdailies connect`: make a webhook at a vendor, store its secret, add the source, and test it.

`plan` decides what to do, `runner` does it and takes it back, and `command` is what a person types.
"""
