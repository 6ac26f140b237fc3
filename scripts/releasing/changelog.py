"""CHANGELOG.md: the last release, and the entry of a version.

An entry begins with one of

    ## Unreleased: 0.2.0, a few words     what the next release brings
    ## 0.1.0 (2026-03-04), a few words    a release
"""

import re

FILE = "CHANGELOG.md"
_VERSION = r"\d+\.\d+\.\d+"
_RELEASED = re.compile(rf"^## ({_VERSION}) \(\d{{4}}-\d\d-\d\d\)", re.MULTILINE)


def latest(text: str) -> str:
    """Return the version of the newest release, or "" if there is none yet."""
    found = _RELEASED.search(text)
    return found[1] if found else ""


def dated(text: str, version: str, day: str) -> str:
    """Return *text* with the entry of *version* released on *day*, as `2026-03-04`.

    An entry that already has a day keeps it. Raises ValueError if there is no entry.
    """
    _, heading, _ = _entry(text, version)
    if _RELEASED.match(heading):
        return text
    return text.replace(heading, heading.replace(f"## Unreleased: {version}", f"## {version} ({day})"), 1)


def notes(text: str, version: str) -> str:
    """Return what the entry of *version* says, without its heading. Raises ValueError if it says nothing."""
    start, heading, end = _entry(text, version)
    body = text[start + len(heading) : end].strip()
    if not body:
        raise ValueError(f"{FILE}: the entry of {version} is empty; write what users notice")
    return body + "\n"


def _entry(text: str, version: str) -> tuple[int, str, int]:
    """Return where the entry of *version* begins, its heading, and where it ends."""
    found = re.search(rf"^## (?:Unreleased: )?{re.escape(version)}(?![\d.]).*$", text, re.MULTILINE)
    if found is None:
        raise ValueError(
            f"{FILE}: there is no entry for {version}; write `## Unreleased: {version}` and what users notice"
        )
    following = re.compile(r"^## ", re.MULTILINE).search(text, found.end())
    return found.start(), found[0], following.start() if following else len(text)
