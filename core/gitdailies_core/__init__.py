"""Values and decisions: events and their wire, adapters' protocol, routing, periods, retries.

Nothing here opens a file or a socket, reads the clock or the environment; the exceptions are
named in tests/test_rooms.py.
"""
