"""Typed reads from a vendor's JSON: a value or a PayloadError that names its path.

data = Fields(request.json(), "")
incident = data.object("event").object("data")
incident.text("id")            raises `event.data.id: expected text, got null`
incident.optional_text("title")
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gitdailies_core import times
from gitdailies_core.describe import got
from gitdailies_core.errors import PayloadError


class Fields:
    """One JSON object of a payload, and where it stands."""

    __slots__ = ("_path", "_values")

    def __init__(self, values: Any, path: str = "") -> None:
        if not isinstance(values, dict):
            raise PayloadError(f"{path or 'body'}: expected an object, got {got(values)}")
        self._values: dict[str, Any] = values
        self._path = path

    def where(self, name: str) -> str:
        """Return the path of a name in this object."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the name is there and not null."""
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        """Return whatever stands there, or None."""
        return self._values.get(name)

    def object(self, name: str) -> Fields:
        return Fields(self._values.get(name), self.where(name))

    def optional_object(self, name: str) -> Fields | None:
        return self.object(name) if self.has(name) else None

    def objects(self, name: str) -> list[Fields]:
        """Read a list of objects; one that is not there is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise PayloadError(f"{self.where(name)}: expected a list, got {got(value)}")
        return [Fields(item, f"{self.where(name)}[{index}]") for index, item in enumerate(value)]

    def text(self, name: str) -> str:
        """Read text that is not empty."""
        value = self._values.get(name)
        if not isinstance(value, str) or not value.strip():
            raise PayloadError(f"{self.where(name)}: expected text, got {got(value)}")
        return value

    def optional_text(self, name: str) -> str | None:
        """Read text; null, absent and blank are None, another type is an error."""
        value = self._values.get(name)
        if value is None:
            return None
        return (value if value.strip() else None) if isinstance(value, str) else self.text(name)

    def time(self, name: str) -> datetime:
        """Read an RFC 3339 time with a zone."""
        try:
            return times.parse(self._values.get(name), self.where(name))
        except ValueError as error:
            raise PayloadError(str(error)) from None

    def optional_time(self, name: str) -> datetime | None:
        return self.time(name) if self.has(name) else None

    def epoch(self, name: str) -> datetime:
        """Read seconds to nanoseconds since 1970, as a number or its digits."""
        try:
            return times.from_epoch(self._values.get(name), self.where(name))
        except ValueError as error:
            raise PayloadError(str(error)) from None
