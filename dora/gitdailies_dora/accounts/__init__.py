"""Who may send, read and sign in: webhook keys, people with passwords, and the audit trail of changes.

    keys ← key_store          people ← people_store ← single_sign_on
           decide and check           read and write

`passwords` hashes, `rate_limit` slows down wrong keys and passwords, `audit` records who changed what,
`wrong_requests` records what was wrong in requests with a valid key.
"""
