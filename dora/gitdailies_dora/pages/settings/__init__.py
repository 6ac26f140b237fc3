"""Settings, people, tokens, sign-in, and the reference of the API."""
