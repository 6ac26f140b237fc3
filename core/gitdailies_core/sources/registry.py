"""Find installed adapters and source packs by entry point, those of other distributions alike.

An adapter in code is an entry point itself. Source packs have one for all of a distribution: a
provider, which finds them by their folders. A name has one owner: two would count differently, and
nothing would say which one does.

This module is exempt from core's rule against I/O, because it reads the metadata of installed
distributions.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from gitdailies_core.errors import ConfigurationError
from gitdailies_core.sources.history import GROUP as HISTORY
from gitdailies_core.sources.history import Reader
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.values.nearest_name import did_you_mean

GROUP = "gitdailies.adapters"
PACKS = "gitdailies.source_packs"
# A complaint lists at most this many names. Fifty would hide what is wrong.
_LISTED = 10


def names(group: str = GROUP) -> list[str]:
    """Return the names of all installed adapters, sorted, each once."""
    return sorted({point.name for point in _points(group)})


def load(name: str, group: str = GROUP) -> Any:
    """Load the object of the entry point *name* in *group*.

    Raises ConfigurationError if no distribution or more than one has the name, and if the object
    cannot be imported.
    """
    found = {_distribution(point): point for point in _points(group) if point.name == name}
    if not found:
        known = installed() if group == GROUP else names(group)
        raise ConfigurationError(f"adapter: no adapter named {name!r}{_hint(name, known)}")
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


@cache
def adapter(name: str) -> Adapter:
    """Load an adapter or a source pack by name. No other adapter is imported.

    Raises ConfigurationError, also if more than one distribution has the name.
    """
    found = _provider(name)
    return cast(Adapter, load(name)) if found is None else found.load(name)


def check_owner(name: str) -> None:
    """Raise ConfigurationError if more than one adapter or source pack has this name. Nothing is loaded."""
    _provider(name)


def pack_names() -> list[str]:
    """Return the names of all installed source packs, sorted, each once."""
    return sorted({name for _, found in _providers() for name in found.names()})


def installed() -> list[str]:
    """Return the names of all adapters and source packs, sorted, each once."""
    return sorted({*names(), *pack_names()})


def compile_source(name: str, *, mapping: Any = None, override: Any = None, file: Any = None) -> Adapter:
    """Compile the *mapping* of a source, or the source pack *name* with an *override* of single fields.

    *file* is the document of a pack of the user's own, which is read in the place of an installed one.
    Raises MappingError, and ConfigurationError if there is no such pack.
    """
    is_installed = mapping is None and file is None
    found = _provider(name) if is_installed else next((one for _, one in _providers()), None)
    if found is None:
        raise ConfigurationError(f"adapter: no source pack named {name!r}{_hint(name, pack_names())}")
    return found.compile(name, mapping, override, file)


def history_names() -> list[str]:
    """Return the names of all whose past can be read, sorted: readers, and source packs with one."""
    return sorted({*names(HISTORY), *(name for _, found in _providers() for name in found.with_history())})


def history_reader(name: str, pack: Adapter | None = None) -> Reader | None:
    """Return the reader of *name*'s past, else that of *pack* or of the pack *name*, if there is one."""
    if name in names(HISTORY):
        return cast(Reader, load(name, HISTORY))
    pack = pack or (adapter(name) if name in pack_names() else None)
    return cast("Reader | None", getattr(pack, "history", None))


class PackProvider(Protocol):
    """The source packs of a distribution. Its entry point is in the group `gitdailies.source_packs`.

    `gitdailies_sources.shipped.Shipped` is one for a package with a folder `packs`.
    """

    def names(self) -> list[str]: ...

    def with_history(self) -> list[str]: ...

    def load(self, name: str) -> Adapter:
        """Return a pack by name. Raises ConfigurationError."""

    def compile(self, name: str, mapping: Any, override: Any, file: Any) -> Adapter:
        """Compile a mapping, or a pack, installed or of a file, with an override. Raises MappingError."""


def _hint(name: str, known: Sequence[str]) -> str:
    """Return the nearest of the *known* names, else all of them, else where they are listed."""
    meant = did_you_mean(name, known)
    if meant:
        return meant
    if len(known) > _LISTED:
        return f"; `gitdailies sources` lists the {len(known)} that are installed"
    return f"; installed: {', '.join(known) or 'none'}"


def _providers() -> Iterator[tuple[str, PackProvider]]:
    """Yield each provider of packs, after the name of its distribution."""
    for name in names(PACKS):
        provider = cast(PackProvider, load(name, PACKS))
        yield next(_distribution(point) for point in _points(PACKS) if point.name == name), provider


def _provider(name: str) -> PackProvider | None:
    """Return the provider of the pack *name*; None if there is no such pack.

    Raises ConfigurationError if an adapter or another provider has the name, too.
    """
    packs = [(distribution, found) for distribution, found in _providers() if name in found.names()]
    adapters = sorted({_distribution(point) for point in _points(GROUP) if point.name == name})
    owners = [*adapters, *(f"the packs of {distribution}" for distribution, _ in packs)]
    if len(owners) > 1:
        raise ConfigurationError(
            f"adapter: {name!r} is claimed by {' and by '.join(owners)};"
            " uninstall one of them, or give yours another name"
        )
    return packs[0][1] if packs else None


def _distribution(point: EntryPoint) -> str:
    return (point.dist.name if point.dist else None) or "?"


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    # This reads the metadata of every installed distribution, which takes tens of milliseconds.
    return tuple(entry_points().select(group=group))
