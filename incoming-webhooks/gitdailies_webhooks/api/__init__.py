"""The HTTP API, its error responses and its OpenAPI document."""
