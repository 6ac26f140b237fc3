"""Passwords are stored as slow hashes."""

from gitdailies_dora.accounts.passwords import hash_password, matches

PASSWORD = "nine quiet larks at dawn"


def test_a_hash_takes_memory_and_time() -> None:
    """It is argon2id with the 64 MiB and three passes of RFC 9106, and a salt of its own."""
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second


def test_only_the_password_matches() -> None:
    """Another password, an unknown name and a broken hash never match."""
    stored = hash_password(PASSWORD)
    assert matches(stored, PASSWORD)
    assert not matches(stored, "nine quiet larks at dusk")
    assert not matches(None, PASSWORD)
    assert not matches(None, "")
    assert not matches("no hash", PASSWORD)
