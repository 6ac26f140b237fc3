"""How a delivery proves that it comes from its vendor, compiled from a pack's `proof`.

Every check raises ProofError or returns nothing. The algorithm is that of the pack, never that of the
request. Comparisons take constant time.

    signatures, tokens, web_tokens, amazon ─▶ proving
"""
