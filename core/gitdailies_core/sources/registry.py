"""Find installed adapters by entry point, those of this project and of other distributions alike.

This module is exempt from core's rule against I/O, because it reads the metadata of installed
distributions.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from gitdailies_core.errors import ConfigurationError
from gitdailies_core.sources.protocol import Adapter

GROUP = "gitdailies.adapters"


def names(group: str = GROUP) -> list[str]:
    """Return the names of all installed adapters, sorted, each once."""
    return sorted({point.name for point in _points(group)})


def load(name: str, group: str = GROUP) -> Any:
    """Load the object of the entry point *name* in *group*.

    Raises ConfigurationError if no distribution or more than one has the name, and if the object
    cannot be imported.
    """
    found: dict[str, EntryPoint] = {}
    for point in _points(group):
        if point.name == name:
            found[(point.dist.name if point.dist else None) or "?"] = point
    if not found:
        installed = ", ".join(names(group)) or "none"
        raise ConfigurationError(f"adapter: no adapter named {name!r}; installed: {installed}")
    if len(found) > 1:
        raise ConfigurationError(
            f"adapter: {name!r} is claimed by {' and by '.join(sorted(found))}; uninstall all but one"
        )
    distribution, point = next(iter(found.items()))
    try:
        return point.load()
    except Exception as error:
        # A foreign package may lack a dependency, or raise any error while it is imported.
        raise ConfigurationError(
            f"adapter: {name!r} of {distribution} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def adapter(name: str) -> Adapter:
    """Load an adapter by name. No other adapter is imported."""
    return cast(Adapter, load(name))


def _points(group: str) -> list[EntryPoint]:
    return list(entry_points().select(group=group))
