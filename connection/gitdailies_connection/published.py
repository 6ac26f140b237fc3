"""Which release this is, and where it is published, by the metadata of the package."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import distribution, metadata, version
from urllib.parse import unquote, urlsplit

PACKAGE = "gitdailies-integrations"


@cache
def release() -> str:
    """Return the version that runs, with the first digits of its commit where that is known.

    It is known of an image, of what was installed from Git, and of a clone that is used in place.
    """
    commit = os.environ.get("GITDAILIES_BUILT_FROM", "")
    origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    commit = commit or origin.get("vcs_info", {}).get("commit_id", "")
    if not commit and origin.get("dir_info", {}).get("editable"):
        asked = ["git", "-C", unquote(urlsplit(origin["url"]).path), "rev-parse", "HEAD"]
        with suppress(OSError):  # there is no git here
            commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return f"{version(PACKAGE)} ({commit[:8]})" if commit else version(PACKAGE)


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
