"""Typed reads from a vendor's JSON: a value or a PayloadError that names its path.

data = Fields(request.json(), "")
incident = data.object("event").object("data")
incident.text("id")            raises `event.data.id: expected text, got null`
incident.optional_text("title")
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.values import times


class Fields:
    """One JSON object of a payload, and where it stands: *path* within the object *above*, if any."""

    __slots__ = ("_above", "_path", "_values")

    def __init__(self, values: Any, path: str = "", above: Fields | None = None) -> None:
        self._path = path
        self._above = above
        if not isinstance(values, dict):
            raise PayloadError(f"{self.path or 'body'}: expected an object, got {got(values)}")
        self._values: dict[str, Any] = values

    @property
    def path(self) -> str:
        """The path of this object; put together when it is asked for, which is in a message alone."""
        return self._above.where(self._path) if self._above is not None else self._path

    def where(self, name: str) -> str:
        """Return the path of a name in this object."""
        path = self.path
        return f"{path}.{name}" if path else name

    def has(self, name: str) -> bool:
        """Whether the name is there and not null."""
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        """Return whatever stands there, or None."""
        return self._values.get(name)

    def object(self, name: str) -> Fields:
        return Fields(self._values.get(name), name, self)

    def optional_object(self, name: str) -> Fields | None:
        value = self._values.get(name)
        return None if value is None else Fields(value, name, self)

    def objects(self, name: str) -> list[Fields]:
        """Read a list of objects; one that is not there is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise PayloadError(f"{self.where(name)}: expected a list, got {got(value)}")
        return [Fields(item, f"{name}[{index}]", self) for index, item in enumerate(value)]

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
            return times.parse(self._values.get(name), name)
        except ValueError as error:
            # Which begins with the name.
            raise PayloadError(self.where(str(error))) from None

    def optional_time(self, name: str) -> datetime | None:
        return None if self._values.get(name) is None else self.time(name)

    def epoch(self, name: str) -> datetime:
        """Read seconds to nanoseconds since 1970, as a number or its digits."""
        try:
            return times.from_epoch(self._values.get(name), name)
        except ValueError as error:
            raise PayloadError(self.where(str(error))) from None
