"""Put a built site beside those of earlier versions, so that readers choose theirs on every page.

    python -m scripts.docs_site.publish SITE FOLDER VERSION

SITE is the folder that `make docs` built, or the unpacked `site-VERSION.tar.gz` of a release. FOLDER is what
the web server shows: a folder for each version, `latest` with the newest, the list of versions that the pages
read, and a first page that leads to `latest`. Publishing a version again replaces it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

LIST, LATEST = "versions.json", "latest"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_FIRST_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Documentation</title>
<meta http-equiv="refresh" content="0; url={LATEST}/">
<a href="{LATEST}/">The documentation of the newest version</a>
</html>
"""


def main(arguments: Sequence[str]) -> int:
    """Publish as the arguments say; return the exit code."""
    if len(arguments) != 3:
        print("expected SITE FOLDER VERSION; see the first lines of this file", file=sys.stderr)
        return 2
    try:
        publish(Path(arguments[0]), Path(arguments[1]), arguments[2])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def publish(site: Path, folder: Path, version: str) -> None:
    """Put *site* into *folder* as *version*, such as 1.2.0. Raises ValueError for another form or no site."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"VERSION: expected three numbers such as 1.2.0, got {version!r}")
    if not (site / "index.html").is_file():
        raise ValueError(f"SITE: expected a folder with index.html, got {site}; `make docs` builds one")
    _replace(site, folder / version)
    versions = sorted((file.name for file in folder.iterdir() if _VERSION.fullmatch(file.name)), key=_numbers)
    newest = versions[-1]
    if newest == version:
        _replace(site, folder / LATEST)
    listed = [
        {"version": one, "title": one, "aliases": [LATEST] if one == newest else []}
        for one in reversed(versions)
    ]
    (folder / LIST).write_text(json.dumps(listed, indent=2) + "\n", "utf-8")
    (folder / "index.html").write_text(_FIRST_PAGE, "utf-8")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _replace(site: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(site, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
