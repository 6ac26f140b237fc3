"""The documentation that the server has: which files are pages, and which of them a page leads to."""

import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gitdailies_connection import published

HELP = "/help"
# A package has the files below `documentation`. A checkout has them in their places.
_PACKAGE = Path(__file__).parents[2]
ROOT = next(root for root in (_PACKAGE / "documentation", _PACKAGE.parents[1]) if (root / "docs").is_dir())
# The first pattern that fits gives a page's path in the documentation.
_PLACES = (
    (r"docs/README\.md", "index.md"),
    (r"docs/(.+)", r"\1"),
    (r"([\w-]+)-adapter/README\.md", r"tools/\1.md"),
    (r"sources/gitdailies_sources/packs/([\w-]+)/README\.md", r"tools/\1.md"),
    (r"ci-steps/([\w-]+)/README\.md", r"ci/\1.md"),
    (r"(github-action|circleci-orb)/README\.md", r"ci/\1.md"),
    (r"deployment/chart/README\.md", "project/chart.md"),
    (r"([A-Z]+)\.md", r"project/\1.md"),
)
# The files that have a place. A build puts them into the package.
FILES = (
    *("docs/**/*.md", "docs/images/*", "*-adapter/README.md", "sources/gitdailies_sources/packs/*/README.md"),
    *("docs/site.toml", "ci-steps/*/README.md", "github-action/README.md", "circleci-orb/README.md"),
    *("deployment/chart/README.md", "[A-Z]*.md"),
)

# By the name that templates use: the file, with the part of it, and what a person finds there.
DOCS: Mapping[str, tuple[str, str]] = {
    "steps": ("docs/ci-steps.md#platforms", "Report deploys from your CI"),
    "connect": ("docs/do/connect-a-tool.md", "Connect a tool by one command"),
    "github": ("docs/start/pagerduty-and-github.md", "One webhook for an organization"),
    "tools": ("docs/source-packs.md", "The setup of every tool"),
    "deliveries": ("docs/dora-server.md#deliveries-and-services", "What each outcome means"),
    "review": ("docs/dora-server.md#the-review-of-a-week", "How a review works"),
    "services": ("docs/configuration.md#services", "How to write a line of a service"),
    "figures": ("docs/figures.md", "How each figure is defined"),
    "exactness": ("docs/how-wrong-is-your-change-fail-rate.md", "How wrong is your change fail rate?"),
    "keys": ("docs/dora-server.md#keys", "Keys and what they may do"),
    "erase": ("docs/do/erase.md", "Erase what is stored"),
    "screens": ("docs/dora-server.md#a-screen-on-the-wall", "A screen on the wall"),
}


class DocumentLink(NamedTuple):
    """A link to a part of the documentation."""

    title: str
    address: str


def link(name: str) -> DocumentLink:
    """Return the link that a template names."""
    file, title = DOCS[name]
    return DocumentLink(title, address(file))


def place(file: str) -> str:
    """Return the path in the documentation of a file of the repository. Raises ValueError if it has none."""
    for pattern, target in _PLACES:
        if found := re.fullmatch(pattern, file):
            return found.expand(target).lower()
    raise ValueError(f"{file}: expected a file with a place in the documentation; add one to _PLACES")


@cache
def files() -> Mapping[str, str]:
    """Return the files of the documentation by their addresses below `HELP`: "" is the first page's."""
    found = sorted(path.relative_to(ROOT).as_posix() for each in FILES for path in ROOT.glob(each))
    return {place(file).removesuffix(".md").removesuffix("index"): file for file in found}


def address(aim: str, page: str = "") -> str:
    """Return the address of a file, or of a link in the file *page*; "" if it leads to no published file."""
    file, mark, part = aim.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
    here = {known: found for found, known in files().items()}
    found = f"{HELP}/{here[file]}" if file in here else published.page(file)
    return f"{found}{mark}{part}" if found else ""
