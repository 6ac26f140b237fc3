"""The HTTP listener and its limits.

`listener` binds sockets and makes a `connection` for each client, which limits heads, silence and waiting
times, and hands each request to an application as an `exchange`. `request_heads` decides which heads are
refused, and `request_body` reads bodies within limits. `asgi` serves applications of ASGI.
`connection_limits` decides which connection to close when too many are open.
"""
