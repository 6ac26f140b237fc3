"""The pages of the site, their order and their addresses, from `docs/site.toml`.

A page is a Markdown file of the repository. `gitdailies_dora.pages.frame.documentation` has its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = "docs/site.toml"


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


def _found(root: Path, pattern: str) -> list[str]:
    found = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
    if not found:
        raise ValueError(f"{FILE}: expected a page {pattern}, got none; correct its name or write it")
    return found
