"""Deliveries over HTTP: read the body within bounds, have it accepted, answer the vendor.

`app` answers the requests of the HTTP server, in callbacks, and `responses` is the table of answers.
"""
