"""Durations as people read them: in reasons, on pages and in reports."""

NOTHING = "–"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float | None) -> str:
    """Write a duration with its two largest units."""
    if seconds is None:
        return NOTHING
    left = round(seconds)
    for at, (size, word) in enumerate(_UNITS[:-1]):
        if left >= size:
            whole, rest = divmod(left, size)
            below, under = _UNITS[at + 1]
            # With a hundred days, hours do not matter.
            small = rest // below if whole < 100 else 0
            return f"{whole:,} {word}" + (f" {small} {under}" if small else "")
    return f"{seconds:.1f} s" if 0 < seconds < 10 and seconds != left else f"{left} s"
