"""`gitdailies connect`: make a webhook at a vendor, store its secret, add the source, and test it.

`plan` decides what to do, `bodies` writes requests, `runner` does it and takes it back, `relay_watch` looks
for a test at the relay, and `command` is what a person types.
"""
