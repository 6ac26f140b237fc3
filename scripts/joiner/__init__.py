"""Join modules of ours into one file of standard-library Python; `join` is the way in."""
