"""What paths read from: one delivery, or one element of a list in it."""

import base64
import binascii
from typing import Any

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources.request import Request


class Scope:
    """A delivery's request and body, and the element that paths without a root start at."""

    __slots__ = ("_inner", "body", "element", "form", "names", "request")

    def __init__(self, request: Request, body: Any, form: dict[str, str], element: Any) -> None:
        self.request = request
        self.body = body
        self.form = form
        self.element = element
        # The names that paths read from other fields, each once, by the path of that field.
        self.names: dict[str, str | None] = {}
        self._inner: dict[str, Any] = {}

    @classmethod
    def of(cls, request: Request) -> "Scope":
        """Read a delivery: JSON, or a form. A form with a field `payload` is read as the JSON in it.

        Raises UnreadableBody.
        """
        if not request.is_form:
            body = request.json()
            return cls(request, body, {}, body)
        form = request.form()
        body = request.decode(form["payload"].encode()) if set(form) == {"payload"} else dict(form)
        return cls(request, body, form, body)

    def at(self, element: Any) -> "Scope":
        """Return the scope of one element of the same delivery."""
        return Scope(self.request, self.body, self.form, element)

    def inner_json(self, text: Any) -> Any:
        """Decode JSON inside a text, once a text; None if it is not JSON."""
        if not isinstance(text, str):
            return None
        if text not in self._inner:
            try:
                self._inner[text] = self.request.decode(text.encode())
            except UnreadableBody:
                self._inner[text] = None
        return self._inner[text]

    def inner_base64(self, text: Any) -> Any:
        """Decode JSON inside base64 inside a text; None if it is not that."""
        if not isinstance(text, str):
            return None
        try:
            plain = base64.b64decode(text, validate=True)
            return self.request.decode(plain)
        except (binascii.Error, ValueError, UnreadableBody):
            return None
