"""A text that is to be erased, such as a name or a mail address: find it, and put a mark in its place.

The text is found in any case, and where an address has it percent-encoded; as whole words, or inside longer
ones, too.
"""

import json
import re
from dataclasses import dataclass, field
from re import Pattern
from typing import Any
from urllib.parse import quote, quote_plus

MARK = "[erased]"
# A shorter text would be found in nearly everything.
SHORTEST = 3
# No letter or digit is next to it, except the escapes of an address and of JSON that was not decoded.
_BEGINS = r"(?:(?<![^\W_])|(?<=%[0-9a-f]{2})|(?<=\\[bfnrt]))"
_ENDS = r"(?![^\W_])"


@dataclass(frozen=True)
class ErasedText:
    """The text as a pattern; build it with `make`. It is not in the representation."""

    pattern: Pattern[str] = field(repr=False)

    @classmethod
    def make(cls, text: str, *, inside_words: bool = False) -> "ErasedText":
        """Take *text* without the spaces around it; raises ValueError if it is too short.

        It is found where it is one or several whole words, or, with *inside_words*, anywhere.
        """
        wanted = text.strip()
        if len(wanted) < SHORTEST:
            raise ValueError(f"expected at least {SHORTEST} characters, got {len(wanted)}")
        forms = {wanted, quote(wanted, safe=""), quote_plus(wanted), quote(wanted, safe="@")}
        # The form that JSON gives it inside a body that cannot be decoded.
        forms |= {json.dumps(wanted)[1:-1], json.dumps(wanted, ensure_ascii=False)[1:-1]}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        found = "|".join(map(re.escape, longest_first))
        if not inside_words:
            # Beside a sign at its edge, a letter makes no longer word.
            begins, ends = (_BEGINS if wanted[0].isalnum() else ""), (_ENDS if wanted[-1].isalnum() else "")
            found = f"{begins}(?:{found}){ends}"
        return cls(re.compile(found, re.IGNORECASE))

    def is_in(self, text: str) -> bool:
        """Return whether *text* contains it."""
        return self.pattern.search(text) is not None

    def out_of(self, text: str) -> str:
        """Return *text* with the mark in its place."""
        return self.pattern.sub(MARK, text)

    def out_of_json(self, value: Any) -> Any:
        """Return a JSON value with the mark in its place, in names too; JSON inside a text is text."""
        if isinstance(value, str):
            return self.out_of(value)
        if isinstance(value, dict):
            return {self.out_of(name): self.out_of_json(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.out_of_json(item) for item in value]
        return value

    def is_in_json(self, value: Any) -> bool:
        """Return whether a JSON value contains it."""
        if isinstance(value, str):
            return self.is_in(value)
        if isinstance(value, dict):
            return any(self.is_in(name) or self.is_in_json(item) for name, item in value.items())
        return isinstance(value, list) and any(map(self.is_in_json, value))
