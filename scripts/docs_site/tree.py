"""The pages of the site, their order and their addresses, from `docs/site.toml`.

A page is a Markdown file of the repository. On the site, pages of `docs/` keep their path below it. Others
are in the folders `tools`, `ci` and `project`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = "docs/site.toml"
# The first pattern that fits gives the page's path on the site.
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


@dataclass(frozen=True)
class Group:
    """Pages under one title, or directly in their part if *title* is ""."""

    title: str
    pages: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A part of the site, such as "Do"."""

    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Tree:
    """The site's name and its parts."""

    name: str
    parts: tuple[Part, ...]

    def pages(self) -> Iterator[str]:
        """Yield the path of every page in the repository, in the site's order."""
        for part in self.parts:
            for group in part.groups:
                yield from group.pages


def read(root: Path) -> Tree:
    """Return the tree of the project in *root*. Raises ValueError for a pattern that finds no page."""
    written = tomllib.loads((root / FILE).read_text("utf-8"))
    parts = [
        Part(
            part["title"],
            tuple(
                Group(
                    group.get("title", ""),
                    tuple(page for name in group["pages"] for page in _found(root, name)),
                )
                for group in part["group"]
            ),
        )
        for part in written["part"]
    ]
    return Tree(written["name"], tuple(parts))


def place(page: str) -> str:
    """Return the path on the site of the repository's *page*. Raises ValueError if it has none."""
    for pattern, target in _PLACES:
        if found := re.fullmatch(pattern, page):
            return found.expand(target).lower()
    raise ValueError(
        f"{page}: expected a page with a place on the site; add one to scripts/docs_site/tree.py"
    )


def _found(root: Path, pattern: str) -> list[str]:
    found = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
    if not found:
        raise ValueError(f"{FILE}: expected a page {pattern}, got none; correct its name or write it")
    return found
