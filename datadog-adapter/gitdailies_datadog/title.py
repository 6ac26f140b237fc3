"""Read a monitor's title: the brackets at its beginning, and the name after them.

An example is `[P1] [Triggered on {env:prod}] Checkout error rate is high`. Later brackets belong
to the name, which may contain any word.
"""

import re
from dataclasses import dataclass

from gitdailies_datadog.table import transition

# The scope in braces may contain brackets.
_BRACKET = re.compile(r"\s*\[((?:[^\[\]{}]|\{[^{}]*\})*)\]")
_PRIORITY = re.compile(r"P[1-5]")
_STATE = re.compile(r"([^{}]+?)(?: on \{([^{}]*)\})?")


@dataclass(frozen=True)
class Title:
    """test: the test button sent it; word: the transition as written, or ""; name: the rest."""

    test: bool
    word: str
    scope: str
    name: str

    @classmethod
    def read(cls, text: str) -> "Title":
        """Read a title. Without brackets that name a transition, the whole title is the name."""
        test, word, scope, end = False, "", "", 0
        while match := _BRACKET.match(text, end):
            mark = match[1].strip()
            state = _STATE.fullmatch(mark)
            if mark == "TEST":
                test = True
            elif not _PRIORITY.fullmatch(mark):
                if word or state is None:
                    break
                word, scope = state[1].strip(), state[2] or ""
                if not transition(word):
                    break
            end = match.end()
        return cls(test, word, scope, text[end:].strip() or text.strip())
