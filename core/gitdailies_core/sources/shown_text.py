"""Text of a vendor as a message holds it: on one line, within the length that an event allows."""

import re

from gitdailies_core.events.field_types import HIDDEN, NAME

_ADDRESS = re.compile(r"https?://[^\x00-\x20\x7f]{1,1900}$(?!\n)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_HIDDEN = re.compile(f"[{HIDDEN}]+")


def is_id(text: str) -> bool:
    """Whether an event can hold *text* as an id, unchanged."""
    return 0 < len(text) <= NAME.longest and bool(NAME.fits(text))


def name(text: str | None) -> str | None:
    """Return a name without hidden characters, on one line and cut; None if nothing is left."""
    if text is not None and not text.isascii():
        text = _HIDDEN.sub("", text)
    return one_line(text, NAME.longest)


def one_line(text: str | None, longest: int) -> str | None:
    """Return *text* on one line, cut to *longest* characters; None if nothing is left."""
    if text is None:
        return None
    if not text.isprintable():  # rare, so the substitution seldom runs
        text = _CONTROL.sub(" ", text)
    return text.strip()[:longest] or None


def address(text: str | None) -> str | None:
    """Return *text* if it is an http or https address, else None."""
    return text if text is not None and _ADDRESS.match(text) else None
