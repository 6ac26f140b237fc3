"""Bodies of requests as JSON: with their secrets, to send, or without, to show."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from gitdailies_core.sources.connecting import Call, Template
from gitdailies_core.values.secret import Secret

HIDDEN = "***"


def sent(call: Call) -> bytes | None:
    """Return the body of a request as it is sent."""
    return None if call.body is None else json.dumps(_filled(call.body, show=False)).encode()


def shown(call: Call, url: str) -> str:
    """Return a request for people, with `***` for each secret, and no header."""
    head = f"{call.method} {url}{call.path}"
    if call.body is None:
        return head
    return f"{head}\n{json.dumps(_filled(call.body, show=True), indent=2, ensure_ascii=False)}"


def _filled(value: Any, *, show: bool) -> Any:
    # Both are tuples or objects that JSON could not tell from others.
    if isinstance(value, Secret):
        return HIDDEN if show else value.reveal()
    if isinstance(value, Template):
        return (files(value.package) / value.path).read_text(encoding="utf-8")
    if isinstance(value, dict):
        return {name: _filled(one, show=show) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, show=show) for one in value]
    return value
