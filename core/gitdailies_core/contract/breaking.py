"""Which fields of the examples are broken: those that are read, each once for each kind of message.

A field that nothing reads cannot break a translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gitdailies_core.contract.mutations import Path
from gitdailies_core.errors import PayloadError, UnreadableBody
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import Request


class Once:
    """Chooses the paths that were not chosen before for messages of the same kinds."""

    def __init__(self) -> None:
        self._before: set[tuple[frozenset[str], Path]] = set()

    def among(self, kinds: Iterable[str], is_read: Callable[[Path], bool]) -> Callable[[Path], bool]:
        """Return whether a path into an example, whose messages are of *kinds*, is broken now."""
        of_kinds = frozenset(kinds)

        def is_new(path: Path) -> bool:
            if not is_read(path) or (of_kinds, path) in self._before:
                return False
            self._before.add((of_kinds, path))
            return True

        return is_new


def everything(path: Path) -> bool:  # noqa: ARG001  the same as of read_by
    """Choose every path."""
    return True


def read_by(adapter: Adapter, request: Request, options: Mapping[str, Any]) -> Callable[[Path], bool]:
    """Translate once. Return whether a path into the body was read.

    Everything counts as read where it cannot be seen: the adapter decodes the body itself, or raises.
    """
    read: set[Path] = set()
    seen = False

    def decode(body: bytes) -> Any:
        nonlocal seen
        value = request.decode(body)
        # What is decoded later is JSON inside a text of the body.
        if body is not request.body:
            return value
        seen = True
        return _noting(value, (), read)

    try:
        adapter.translate(request._replace(decode=decode), options)
    except (PayloadError, UnreadableBody):
        pass
    except Exception:  # noqa: BLE001  the checks of the example report other errors
        return everything
    if not seen:
        return everything

    def is_read(path: Path) -> bool:
        # A list has no names. Its elements are read where it is.
        while path and isinstance(path[-1], int):
            path = path[:-1]
        return not path or path in read

    return is_read


def _noting(value: Any, path: Path, read: set[Path]) -> Any:
    if isinstance(value, dict):
        return _Object({name: _noting(one, (*path, name), read) for name, one in value.items()}, path, read)
    if isinstance(value, list):
        return [_noting(one, (*path, index), read) for index, one in enumerate(value)]
    return value


class _Object(dict[str, Any]):
    """An object of JSON that notes which of its names are asked for."""

    def __init__(self, value: Mapping[str, Any], path: Path, read: set[Path]) -> None:
        super().__init__(value)
        self._path = path
        self._read = read

    def _note(self, *names: Any) -> None:
        self._read.update((*self._path, name) for name in names)

    def get(self, name: Any, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __getitem__(self, name: Any) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: Any) -> bool:
        self._note(name)
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._note(*super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self._note(*super().keys())
        return super().keys()

    def values(self) -> Any:
        self._note(*super().keys())
        return super().values()

    def items(self) -> Any:
        self._note(*super().keys())
        return super().items()
