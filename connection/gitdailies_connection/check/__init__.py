"""Checks of a receiver, whether it answers and accepts the key (`reachability`), and of relays."""
