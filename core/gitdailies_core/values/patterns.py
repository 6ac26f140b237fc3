"""Names with `*`, which matches any text. A pattern must match the whole name, without case."""

import fnmatch
import re
from functools import lru_cache

ANY = "*"


def is_pattern(text: str) -> bool:
    """Whether *text* matches more names than itself."""
    return ANY in text


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """Compile *text*. Both it and the names must be in the same case, such as casefolded."""
    # Names may hold brackets and question marks. `translate` makes no expression that backtracks for long.
    return re.compile(fnmatch.translate(text.replace("[", "[[]").replace("?", "[?]")))


def matches(text: str, name: str) -> bool:
    """Whether the name or pattern *text* matches the whole of *name*."""
    return pattern(text).match(name) is not None


def literal_length(text: str) -> int:
    """Return how many characters of a pattern are not `*`: the more, the fewer names it matches."""
    return len(text) - text.count(ANY)
