"""A document on its way to values: settings are read one by one, and every fault is noted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gitdailies_connection.config import schema_errors
from gitdailies_connection.config.errors import FileFault, Place, configuration_error, setting_name
from gitdailies_connection.config.yaml_document import Document

T = TypeVar("T")


class SettingsReader:
    """Reads settings of a document; begins with the complaints of the schema.

    Values that are read while there are faults only serve to find more faults: `finish` raises.
    """

    def __init__(self, document: Document, folder: Path) -> None:
        self.folder = folder
        self._document = document
        self._faults = schema_errors.faults(document)
        self._around = {place[:end] for place in self._faults for end in range(len(place))}

    def get(self, place: Place) -> Any:
        """Return what stands at *place*; None where nothing does, or where a fault is at, in or around it."""
        if place in self._around or any(place[:end] in self._faults for end in range(len(place) + 1)):
            return None
        return self._document.value_at(place)

    def absent(self, place: Place) -> bool:
        """Whether nothing stands at *place*, and no fault at or around it."""
        at_fault = any(place[:end] in self._faults for end in range(len(place) + 1))
        return self._document.value_at(place) is None and not at_fault

    def names(self, place: Place) -> list[str]:
        """Return the names in a mapping that have no fault of their own, though others may have."""
        value = self._document.value_at(place)
        if not isinstance(value, dict):
            return []
        return [name for name in value if (*place, name) not in self._faults]

    def of(self, place: Place, convert: Callable[[Any], T], default: T) -> T:
        """Convert what stands at *place*; its ValueError becomes a complaint, and *default* stands in."""
        value = self.get(place)
        if value is None:
            return default
        try:
            return convert(value)
        except ValueError as error:
            self.fault(place, str(error))
            return default

    def fault(self, place: Place, text: str) -> None:
        """Note a fault: `expected X, got Y`."""
        self._faults.setdefault(place, FileFault(self._document.line(place), setting_name(place), text))
        self._around.update(place[:end] for end in range(len(place)))

    def finish(self) -> None:
        """Raise ConfigurationError with all complaints, if there are any."""
        if self._faults:
            raise configuration_error(self._document.file, self._faults.values())
