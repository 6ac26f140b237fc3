"""Which release this is, where it is published, and what its extras are, by the metadata of the package."""

import json
import os
import re
import subprocess
import traceback
from contextlib import suppress
from functools import cache
from importlib.metadata import distribution, metadata, requires, version
from urllib.parse import unquote, urlsplit

PACKAGE = "gitdailies-integrations"

# The extra of our modules that need one. What none of them imports belongs to both servers.
_EXTRA_OF = {
    "gitdailies_dora": "dora",
    "gitdailies_cli.commands.run.dora": "dora",
    "gitdailies_relay": "relay",
    "gitdailies_cli.relay": "relay",
    "gitdailies_cli.commands.see.mcp": "mcp",
}
_OF_EXTRA = re.compile(r"([\w-]+).*; extra == ['\"](?:dora|relay|mcp)['\"]")


@cache
def release() -> str:
    """Return the version that runs, with the first digits of its commit where that is known.

    It is known for an image, for an installation from Git, and for a clone that is used in place.
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


def missing_extra(error: ModuleNotFoundError) -> str:
    """Return a sentence about the extra that has the missing module; "" if none of ours has it."""
    module = (error.name or "").partition(".")[0]
    found = (_OF_EXTRA.match(line) for line in requires(PACKAGE) or ())
    names = {one[1].lower().replace("-", "_") for one in found if one}
    if not any(
        f"{module}_".lower().startswith(f"{name}_") or name.startswith(f"{module}_") for name in names
    ):
        return ""
    importers = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    extra = next((_EXTRA_OF[one] for name in importers for one in _EXTRA_OF if name.startswith(one)), "all")
    return f"this needs {module}, which is not installed: pip install '{PACKAGE}[{extra}]'"
