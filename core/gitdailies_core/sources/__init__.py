"""What an adapter of a vendor is made of: its protocol, the request, fields, signatures, and the registry."""
