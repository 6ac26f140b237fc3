"""The shapes of answers and webhooks of vendors, as JSON in `shapes`: a test fills in what differs."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _text(name: str) -> str:
    return (Path(__file__).with_name("shapes") / f"{name}.json").read_text("utf-8")


def filled(name: str, **values: Any) -> dict[str, Any]:
    """Return a shape with *values*. A text that is one `$name` alone becomes its value, of any type."""

    def value(found: re.Match[str]) -> str:
        alone, within = found.groups()
        return json.dumps(values[alone]) if alone else str(values[within])

    made: dict[str, Any] = json.loads(re.sub(r'"\$(\w+)"|\$\{?(\w+)\}?', value, _text(name)))
    return made
