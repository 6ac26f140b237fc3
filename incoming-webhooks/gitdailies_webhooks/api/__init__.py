"""The HTTP API: routes, keys, responses, and its OpenAPI document.

    request → middleware → app (events) or reading_routes (figures, pages) → response
                  ↑                  ↓
           error_responses ← any error of ours, of the router, or a bug

`body` reads a request body within limits. `openapi*` describe all of it, `metric_formats` writes figures
as CSV and for Prometheus. Pages are in the package `pages`.
`reading_routes` is imported at the first request for one of its routes, so that a server is soon ready.
"""
