"""Where a release is published, by the metadata of the package; nothing before the first release."""

from __future__ import annotations

from functools import cache
from importlib.metadata import metadata

PACKAGE = "gitdailies-integrations"


@cache
def address(label: str) -> str:
    """Return the address with a label, such as `Schema` or `Source`; "" before the first release."""
    for line in metadata(PACKAGE).get_all("Project-URL") or ():
        name, _, found = str(line).partition(", ")
        if name == label:
            return found
    return ""


def page(path: str) -> str:
    """Return the address of a file of the repository as it was released; "" before the first release."""
    source = address("Source")
    return f"{source.replace('/tree/', '/blob/', 1)}/{path}" if source else ""
