"""Checks of a receiver.

`reachability` looks whether it answers and accepts the key. `openapi` compares its OpenAPI document with
the dialect that we send; `openapi_schema` and `openapi_field` read that document.
"""
