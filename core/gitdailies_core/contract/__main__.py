"""Print what an adapter lacks: `python -m gitdailies_core.contract NAME`, in seconds.

NAME is an installed adapter, or the path of a package's folder that is not installed yet, such as
`opsgenie-adapter`. Exit code 0 means that the adapter keeps the contract, 1 that it has faults, and
2 that it cannot be loaded.

This module is exempt from core's rule against I/O: it is a command.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from gitdailies_core.contract import checks
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Adapter

_USAGE = "usage: python -m gitdailies_core.contract NAME-OR-FOLDER\n"
# One bare access to a field breaks a hundred variants of an example. These are enough to find it.
_MOST_LIKE_IT = 3


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(_USAGE)
        return 2
    try:
        adapter = _load(arguments[0])
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    name = getattr(adapter, "name", arguments[0])
    faults = list(checks.faults(adapter))
    if not Path(arguments[0]).is_dir() and name != arguments[0]:
        faults.append(f"adapter.name: expected {arguments[0]!r}, the name of the entry point, got {name!r}")
    for line in _shortened(faults):
        sys.stdout.write(f"{line}\n")
    number = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}" if faults else "keeps the contract"
    sys.stdout.write(f"{name}: {number}\n")
    return 1 if faults else 0


def _load(name: str) -> Adapter:
    """Load an adapter by its name or from a folder; raises ConfigurationError."""
    folder = Path(name)
    if not folder.is_dir():
        return registry.adapter(name)
    packages = (
        [folder] if (folder / "__init__.py").is_file() else [p.parent for p in folder.glob("*/__init__.py")]
    )
    if len(packages) != 1:
        found = ", ".join(sorted(package.name for package in packages)) or "none"
        raise ConfigurationError(f"{name}: expected a folder with one package, got {found}")
    package = packages[0].resolve()
    sys.path.insert(0, str(package.parent))
    try:
        module = import_module(package.name)
    except Exception as error:
        # A package that is being written may raise any error while it is imported.
        raise ConfigurationError(
            f"{name}: {package.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, "adapter"):
        raise ConfigurationError(
            f"{name}: {package.name} exports no adapter; set `adapter` in its __init__.py"
        )
    return cast(Adapter, module.adapter)


def _shortened(faults: Sequence[str]) -> Iterator[str]:
    """Yield the faults, but of many alike the first few and how many more there are."""
    counts: Counter[str] = Counter()
    for fault in faults:
        counts[_place(fault)] += 1
        if counts[_place(fault)] <= _MOST_LIKE_IT:
            yield fault
    for place, count in counts.items():
        if count > _MOST_LIKE_IT:
            yield f"{place}: {count - _MOST_LIKE_IT} more faults like these"


def _place(fault: str) -> str:
    """Return where a fault is, without the change that was made to an example there."""
    return fault.partition(": ")[0].partition(" with ")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
