"""Names that somebody was to fill in. No file of the project or of a release has one."""

import re
from collections.abc import Iterator

# Written so that this file has none itself.
PATTERN = re.compile(
    r"[O]WNER/(?:gitdailies|[a-z])"
    r"|[@#](?:[C]OMMIT|[V]ERSION)\b(?!\?)"
    r"|(?<!TYPE/)\b[N]AMESPACE/"
    r"|[G]ROUP/[a-z]"
    r"|your-[n]amespace"
    r"|@@[a-z_.]+@@"
)


def found(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and the text of each placeholder."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in PATTERN.finditer(line):
            yield number, match[0]
