"""Which repository a service without a line may count for: the one whose name has the same words. Pure.

It is only a suggestion. Nothing counts for a repository that no person wrote down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Words that tell services of one repository apart, not repositories.
_COMMON = frozenset({"prod", "production", "staging", "live", "service", "app", "the", "team"})
_WORD = re.compile(r"[^\W_]+")


def suggestion(name: str, aliases: Sequence[str], repos: Iterable[str]) -> str | None:
    """Return the repository that is most like a service, None where none is or several are alike."""
    scored = sorted(
        ((max(_alike(_words(text), _words(repo.partition("/")[2])) for text in (name, *aliases)), repo))
        for repo in repos
    )
    if not scored or scored[-1][0] < 0.5:
        return None
    best, repo = scored[-1]
    return None if len(scored) > 1 and scored[-2][0] == best else repo


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text)) - _COMMON


def _alike(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of words that both have: 0 for none, 1 for the same words."""
    both = first | second
    return len(first & second) / len(both) if both else 0.0
