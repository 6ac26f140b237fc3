"""Convert the settings of a document one by one, and collect every fault."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from gitdailies_core.errors import ConfigurationError

from gitdailies_connection.config.document import schema_errors
from gitdailies_connection.config.document.errors import FileFault, Place, configuration_error, setting_name
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_connection.config.secret_source import SecretSource

T = TypeVar("T")
Settings = TypeVar("Settings")


class SettingsReader:
    """Reads the settings of a document, starting with the faults that the schema found.

    After a fault, reading goes on only to find more faults. `finish` then raises all of them.
    """

    def __init__(self, document: Document, folder: Path, node: Mapping[str, Any] | None = None) -> None:
        """Check *document* against the schema *node*, by default that of gitdailies.yml.

        Paths of files in it are relative to *folder*.
        """
        self.folder = folder
        self._document = document
        self._faults = schema_errors.faults(document, node)
        self._elsewhere: list[str] = []
        self._around = {place[:end] for place in self._faults for end in range(len(place))}

    def get(self, place: Place) -> Any:
        """Return the value at *place*; None if there is none, or if it has, contains or is inside a fault."""
        if place in self._around or any(place[:end] in self._faults for end in range(len(place) + 1)):
            return None
        return self._document.value_at(place)

    def absent(self, place: Place) -> bool:
        """Whether there is no value at *place*, and no fault at or around it."""
        at_fault = any(place[:end] in self._faults for end in range(len(place) + 1))
        return self._document.value_at(place) is None and not at_fault

    def names(self, place: Place) -> list[str]:
        """Return the names in a mapping that have no fault themselves."""
        value = self._document.value_at(place)
        if not isinstance(value, dict):
            return []
        return [name for name in value if (*place, name) not in self._faults]

    def wrong_names(self, place: Place) -> list[str]:
        """Return the names in a mapping that have a fault themselves: most are misspelled."""
        value = self._document.value_at(place)
        return [name for name in value if (*place, name) in self._faults] if isinstance(value, dict) else []

    def of(self, place: Place, convert: Callable[[Any], T], default: T) -> T:
        """Convert the value at *place*. A ValueError becomes a fault, and *default* is returned."""
        value = self.get(place)
        if value is None:
            return default
        try:
            return convert(value)
        except ValueError as error:
            self.fault(place, str(error))
            return default

    def each(self, place: Place, convert: Callable[[Any], T]) -> tuple[T, ...]:
        """Convert each item of the list at *place*, if there is one; an item with a fault is left out."""
        items = (self.of((*place, index), convert, None) for index, _ in enumerate(self.get(place) or ()))
        return tuple(item for item in items if item is not None)

    def settings(
        self,
        place: Place,
        default: Settings,
        convert: Mapping[str, Callable[[Any], Any]] | None = None,
        /,
        **read: Any,
    ) -> Settings:
        """Return *default* with what the mapping at *place* sets, whose names are those of the fields.

        *convert* says how to convert a value. By default it becomes what the field has, such as a tuple.
        *read* are fields that were read already.
        """
        names = [one.name for one in fields(cast("Any", default)) if one.name not in read]
        plain = {name: getattr(default, name) for name in names}
        found = {
            name: self.of((*place, name), (convert or {}).get(name, type(plain[name])), plain[name])
            for name in self.names(place)
            if name in plain
        }
        return cast("Settings", replace(cast("Any", default), **found, **read))

    def path(self, text: str) -> Path:
        """Convert the path of a file."""
        return self.folder / text

    def secret(self, value: Mapping[str, str]) -> SecretSource:
        """Convert `{env: NAME}` or `{file: PATH}`."""
        return SecretSource.of(value, self.folder)

    def fault(self, place: Place, text: str) -> None:
        """Add a fault: `expected X, got Y`."""
        self._faults.setdefault(place, FileFault(self._document.line(place), setting_name(place), text))
        self._around.update(place[:end] for end in range(len(place)))

    def where(self, place: Place) -> str:
        """Return the file and the line of *place*."""
        return f"{self._document.file}:{self._document.line(place)}"

    def fault_elsewhere(self, error: ConfigurationError) -> None:
        """Add the faults of another file, which name it themselves."""
        self._elsewhere += error.complaints

    def finish(self) -> None:
        """Raise ConfigurationError with all faults, if there are any."""
        if self._faults or self._elsewhere:
            own = configuration_error(self._document.file, self._faults.values())
            raise ConfigurationError(*own.complaints, *self._elsewhere)
