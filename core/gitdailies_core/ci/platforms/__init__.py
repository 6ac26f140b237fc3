"""The CI platforms, one module each. A new module is found by its file; no list names it.

A published step has no modules to find. Its last lines name its platforms.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from gitdailies_core.ci.reporting.platform import Platform


def _in(module: str) -> Platform:
    """Return the one platform that a module of this package defines."""
    found = [value for value in vars(import_module(module)).values() if isinstance(value, Platform)]
    if len(found) != 1:
        raise ValueError(f"{module}: expected one Platform, got {len(found)}")
    return found[0]


BY_MODULE: Mapping[str, Platform] = {
    module.name: _in(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
}

# The step tries them in this order and takes the first whose marker is set.
PLATFORMS: tuple[Platform, ...] = tuple(
    sorted(BY_MODULE.values(), key=lambda platform: (platform.turn, platform.word))
)
