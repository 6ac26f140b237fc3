"""The HTTP listener and its limits.

`listener` binds sockets and runs uvicorn with `bounded_protocol`, which limits heads, bodies and
waiting times. `connection_limits` decides which connection to close when too many are open.
"""
