"""The HTTP API: routes, keys, answers, and its OpenAPI document.

    request → middleware → app (events, figures, details, review, pages) → answer
                  ↑                  ↓
                  └─ any error of ours, of the router, or a bug

`endpoint` says what a request is answered with, above the function that answers it; the routes and the
OpenAPI document are made of that. The classes of the answers are where the answers are made. `access` finds
the key of a request, `json_bodies` reads and writes JSON. Pages are in the package `pages`.
"""
