"""Read `services`: where the incidents of each service count, also in files that gitdailies.yml includes.

The lines of gitdailies.yml decide. Two included files may name a service alike; if they differ, both lines
are named, and a line in gitdailies.yml settles it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.events.field_types import REPO
from gitdailies_core.incidents.routing import PLACEHOLDERS, Route, Routes
from gitdailies_core.values.renames import Renames

from gitdailies_connection.config.document import schema_errors, yaml_document
from gitdailies_connection.config.document.errors import FileFault, Place, configuration_error
from gitdailies_connection.config.reader import SettingsReader

SERVICES, INCLUDE = "services", "include"
_WRITES = "; `gitdailies services import --write` writes one from a catalog"


class ServiceLine(NamedTuple):
    """Where a service has its line: the file, the number of the line from 1, and its name there."""

    file: Path
    number: int
    name: str


class _Included(NamedTuple):
    name: str
    routes: tuple[Route, ...]
    where: str


def routes(reading: SettingsReader, renames: Renames) -> Routes:
    """Read `services`, and the files that it includes."""
    own = _lines(reading, (SERVICES,))
    decided = {name.casefold() for name in own}
    included: dict[str, _Included] = {}
    for place, path in _paths(reading):
        for name, line in _of_file(reading, place, path, included).items():
            if name.casefold() not in decided:
                included.setdefault(name.casefold(), line)
    return Routes.make({**own, **{one.name: one.routes for one in included.values()}}, renames)


def lines_of(file: Path) -> dict[str, ServiceLine]:
    """Return the line of each service in *file* and in what it includes, by its name in small letters.

    A file that cannot be read now has none.
    """
    document = _document(file)
    value = document.value_at((SERVICES,)) if document is not None else None
    if document is None or not isinstance(value, dict):
        return {}
    found = {
        name.casefold(): ServiceLine(file, document.line((SERVICES, name)), name)
        for name in value
        if name != INCLUDE
    }
    for path in _listed(value.get(INCLUDE)):
        included = _document(file.parent / path) if isinstance(path, str) else None
        if included is None or not isinstance(included.value, dict):
            continue
        for name in included.value:
            line = ServiceLine(file.parent / path, included.line((name,)), name)
            found.setdefault(name.casefold(), line)
    return found


def _document(file: Path) -> yaml_document.Document | None:
    try:
        return yaml_document.parse(yaml_document.read_text(file), str(file))
    except ConfigurationError:
        return None


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _paths(reading: SettingsReader) -> Iterator[tuple[Place, str]]:
    place: Place = (SERVICES, INCLUDE)
    value = reading.get(place)
    if isinstance(value, list):
        yield from (((*place, index), path) for index, path in enumerate(value))
    elif value is not None:
        yield place, value


def _of_file(
    reading: SettingsReader, place: Place, path: str, before: Mapping[str, _Included]
) -> dict[str, _Included]:
    """Read the lines of an included file. *before* has those of the files before it."""
    file = reading.folder / path
    try:
        text = yaml_document.read_text(file, remedy=_WRITES)
    except ConfigurationError as error:
        reading.fault(place, f"expected a file of services, got {error}")
        return {}
    try:
        document = yaml_document.parse(text, str(file))
        _refuse_heading(document)
        inner = SettingsReader(document, file.parent, schema_errors.service_lines())
        found = {
            name: _Included(name, lines, inner.where((name,))) for name, lines in _lines(inner, ()).items()
        }
        for name, one in found.items():
            other = before.get(name.casefold())
            if other is not None and other.routes != one.routes:
                inner.fault(
                    (name,),
                    f"expected what {other.where} says about this service, got something else; "
                    "a line in gitdailies.yml settles it",
                )
        inner.finish()
    except ConfigurationError as error:
        reading.fault_elsewhere(error)
        return {}
    return found


def _refuse_heading(document: yaml_document.Document) -> None:
    """Refuse lines under `services:` in an included file, with the remedy."""
    inside = document.value_at((SERVICES,))
    if isinstance(inside, dict) and not {"repo", "ignore"} & set(inside):
        text = "expected the lines of services themselves, got them under services; remove that line"
        raise configuration_error(document.file, [FileFault(document.line((SERVICES,)), SERVICES, text)])


def _lines(reading: SettingsReader, above: Place) -> dict[str, tuple[Route, ...]]:
    """Read the lines below *above*, by the name of the service."""
    table: dict[str, tuple[Route, ...]] = {}
    first: dict[str, str] = {}
    for name in reading.names(above):
        place: Place = (*above, name)
        if place == (SERVICES, INCLUDE):
            continue
        if first.setdefault(name.casefold(), name) != name:
            reading.fault(place, f"expected names that differ in more than case, got {got(name)} twice")
        value = reading.get(place)
        places: list[Place] = [place]
        if isinstance(value, list):
            places = [(*place, index) for index in range(len(value))]
        elif isinstance(value, dict) and "ignore" in value:
            places = []
        table[name] = tuple(_route(reading, where) for where in places)
    return table


def _route(reading: SettingsReader, place: Place) -> Route:
    repo, environment = reading.of((*place, "repo"), _repo, ""), reading.get((*place, "environment"))
    return Route(repo, environment, reading.get((*place, "service")))


def _repo(text: str) -> str:
    # A service's name may contain a space or a slash; making the event finds that.
    filled, rest = text, text
    for placeholder in PLACEHOLDERS:
        filled, rest = filled.replace(placeholder, "service"), rest.replace(placeholder, "")
    if not re.search(REPO.pattern, filled):
        raise ValueError(f"expected {REPO.expected}, got {got(text)}")
    braced = re.search(r"\{[^}]*\}?", rest)
    if braced:
        raise ValueError(f"expected {' or '.join(PLACEHOLDERS)} or nothing in braces, got {got(braced[0])}")
    return text
