"""Commands to start with: init, up, demo, completion."""
