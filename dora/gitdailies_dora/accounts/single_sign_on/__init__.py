"""Sign-in with an account of another system: OpenID Connect, or a header of a trusted proxy.

`account` has the account, and the role and name that it gives here. `provider` fetches the documents of a
provider, and `metadata` and `id_token` decide about them. `identities` stores known accounts, and `pending`
stores sign-ins that are at the provider.
"""
