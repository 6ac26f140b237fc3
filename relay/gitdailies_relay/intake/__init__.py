"""Deliveries over HTTP: read the body within bounds, have it accepted, answer the vendor.

`app` is the ASGI application. `request_body` bounds bodies, `deadlines` bounds waiting for the
store, and `responses` is the table of answers.
"""
