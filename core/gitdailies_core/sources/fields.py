"""Typed access to a vendor's JSON. Each read returns a value or raises a PayloadError with the path.

body = Fields(request.json())
incident = body.object("event").object("data")
incident.text("id")              raises `event.data.id: expected text, got nothing`, reads 12345 as "12345"
incident.optional_text("title")  returns None if there is no title
"""

from datetime import datetime
from typing import Any

from gitdailies_core.error_text import NOTHING, got, got_of
from gitdailies_core.errors import PayloadError
from gitdailies_core.values import lenient_times


class Fields:
    """One JSON object of a payload. *path* is its place within the object *parent*, if it has one."""

    __slots__ = ("_parent", "_path", "_values")

    def __init__(self, values: Any, path: str = "", parent: "Fields | None" = None) -> None:
        self._path = path
        self._parent = parent
        if not isinstance(values, dict):
            raise PayloadError(f"{self.path or 'body'}: expected an object, got {got(values)}")
        self._values: dict[str, Any] = values

    @property
    def path(self) -> str:
        """The path of this object from the top. It is built only for a message."""
        return self._parent.where(self._path) if self._parent is not None else self._path

    def where(self, name: str) -> str:
        """Return the path of a name in this object."""
        path = self.path
        return f"{path}.{name}" if path else name

    def has(self, name: str) -> bool:
        """Whether the object has a value under *name* that is not null."""
        return self._values.get(name) is not None

    def is_named(self, name: str) -> bool:
        """Whether the object has *name*, also where the value is null or empty."""
        return name in self._values

    def raw(self, name: str) -> Any:
        """Return the value under *name* unchecked, or None."""
        return self._values.get(name)

    def object(self, name: str) -> "Fields":
        if name not in self._values:
            raise PayloadError(f"{self.where(name)}: expected an object, got {NOTHING}")
        return Fields(self._values[name], name, self)

    def optional_object(self, name: str) -> "Fields | None":
        value = self._values.get(name)
        return None if value is None else Fields(value, name, self)

    def objects(self, name: str) -> "list[Fields]":
        """Read a list of objects. A missing list is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise PayloadError(f"{self.where(name)}: expected a list, got {got(value)}")
        return [Fields(item, f"{name}[{index}]", self) for index, item in enumerate(value)]

    def text(self, name: str) -> str:
        """Read text that is not blank. A whole number is its digits: a template may have no quotes."""
        value = self._values.get(name)
        if not isinstance(value, str):
            value = _with_digits(value)
        if not isinstance(value, str) or not value.strip():
            raise PayloadError(f"{self.where(name)}: expected text, got {got_of(self._values, name)}")
        return value

    def optional_text(self, name: str) -> str | None:
        """Read text like `text`. A null, missing or blank value is None; one of another type is an error."""
        value = self._values.get(name)
        if isinstance(value, str):
            return value if value.strip() else None
        return None if value is None else self.text(name)

    def time(self, name: str) -> datetime:
        """Read a time with a zone, like RFC 3339, or a number of seconds or less since 1970."""
        try:
            return lenient_times.read(self._values.get(name), name)
        except ValueError as error:
            raise self._no_time(name, error) from None

    def optional_time(self, name: str) -> datetime | None:
        """Read a time like `time`. A null, missing or blank value is None."""
        value = self._values.get(name)
        return None if value is None or (isinstance(value, str) and not value.strip()) else self.time(name)

    def _no_time(self, name: str, error: ValueError) -> PayloadError:
        # The message begins with the name, which `where` extends to the path.
        message = self.where(str(error))
        return PayloadError(message if name in self._values else message.removesuffix(got(None)) + NOTHING)


# A larger one may have lost its last digits.
_LARGEST_EXACT = 2**53


def _with_digits(value: Any) -> Any:
    """Return a whole number as its digits, any other value as it is."""
    if isinstance(value, float) and abs(value) < _LARGEST_EXACT and value == int(value):
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
