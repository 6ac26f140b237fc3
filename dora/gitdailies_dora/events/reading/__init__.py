"""What a body may be before it is one of our events, and what no real event holds.

`cloud_events` unwraps CloudEvents, `cd_events` translates CDEvents, `plausible` refuses addresses in place
of repositories, and extreme times.
"""
