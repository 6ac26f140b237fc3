"""Sign-in with an account of another system: OpenID Connect, or a header of a trusted proxy.

`account` says who it is there, and which role and name that gives here. `metadata` and `id_token` decide
about the documents of a provider, which `provider` fetches. The store keeps `identities`, the accounts that
are known, and `pending` sign-ins, which are not back yet.
"""
