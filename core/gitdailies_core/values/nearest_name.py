"""The valid name that a wrong one may be a typo of."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, names: Iterable[str], *, needed: Iterable[str] = ()) -> str:
    """Return `; did you mean X` for the valid name that *name* may be a typo of, or ""."""
    near = nearest(name, names, needed=needed)
    return f"; did you mean {near}" if near else ""


def nearest(name: str, names: Iterable[str], *, needed: Iterable[str] = ()) -> str:
    """Return the valid name that *name* may be a typo of, or "".

    If only one valid name contains *name* or is contained in it, as with `sha`, `repository` or `env`,
    it counts too. Such a name in *needed*, the required names, is preferred to a more similar spelling.
    """
    valid = sorted(names)
    close = _related(name[:80], needed)
    if len(close) != 1:
        close = difflib.get_close_matches(name[:80], valid, n=1, cutoff=0.6) or _related(name[:80], valid)
    return close[0] if len(close) == 1 else ""


def _related(name: str, names: Iterable[str]) -> list[str]:
    return [one for one in names if _is_part(one, name) or _is_part(name, one)]


def _is_part(part: str, name: str) -> bool:
    # One or two letters occur in many names by chance.
    return len(part) >= 3 and part.casefold() in name.casefold()
