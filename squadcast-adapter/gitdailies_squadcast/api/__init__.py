"""Squadcast's API: its address and tokens (`rest`), and the set-up of its webhook."""
