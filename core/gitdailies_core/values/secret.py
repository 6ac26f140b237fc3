"""A secret that no log, message or pickle shows."""

from __future__ import annotations

from typing import Any, NoReturn


class Secret:
    """A key, token or signing secret. Only `reveal()` returns its text.

    Its repr hides the text, it cannot be pickled, and it compares in constant time.
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text: str, origin: str = "") -> None:
        self._text = text
        # Where the secret was read from, such as "env PAGERDUTY_SECRET". Messages name this.
        self.origin = origin

    def reveal(self) -> str:
        """Return the text, for a header or a signature. Never put it into a message."""
        return self._text

    def matches(self, given: bytes) -> bool:
        """Compare with *given* in constant time."""
        # A step compares no secret, and does not wait for the import.
        import hmac

        return hmac.compare_digest(self._text.encode(), given)

    def __repr__(self) -> str:
        return f"Secret({self.origin or '***'})"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)


def redact(text: str, *secrets: Any) -> str:
    """Replace each of *secrets* in *text* by `***`. Use it on text that another program wrote."""
    for secret in secrets:
        plain = secret.reveal() if isinstance(secret, Secret) else secret
        if plain:
            text = text.replace(plain, "***")
    return text
