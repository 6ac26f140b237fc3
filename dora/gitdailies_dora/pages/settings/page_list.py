"""The pages of the documentation: their order, from `docs/site.toml`, and what each is for.

A page is a Markdown file of the repository. `documentation` has its place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = "docs/site.toml"
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\]]*\])*\])\((?![a-z][a-z+.-]*:|#)([^)\s#]+)(#[^)\s]*)?\)")
_FIRST = re.compile(r"\*\*For:\*\* (.+?)\. \*\*At the end:\*\* (.+?)(?:\n\n|\Z)", re.DOTALL)


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


def title(text: str) -> str:
    """Return the first heading without marks. Raises ValueError if the page does not begin with one."""
    if not text.startswith("# "):
        raise ValueError(f"a page: expected a first line `# TITLE`, got {text[:40]!r}")
    return text.partition("\n")[0].removeprefix("# ").replace("`", "")


def promise(text: str) -> tuple[str, str] | None:
    """Return for whom the page is and what they have at its end, or None if it does not say so."""
    found = _FIRST.search(text.partition("\n## ")[0])
    return (_line(found[1]), _line(found[2])) if found else None


def about(text: str) -> str:
    """Return what the readers of a page have at its end. If it does not say so, return its first sentence."""
    found = promise(text)
    if found:
        return found[1]
    text = LINK.sub(lambda link: link[1][1:-1], text)
    for paragraph in text.split("\n\n")[1:]:
        if paragraph[:1].isalpha():
            return _line(re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0])
    return title(text)


def llms(tree: Tree, texts: Mapping[str, str], address: Callable[[str], str]) -> str:
    """Return `llms.txt`: each page with what it is for. *texts* are the pages by their repository path."""
    lines = [
        f"# {tree.name}",
        "",
        "> Deploys and incidents from any tool into DORA metrics, each counted once.",
    ]
    for part in tree.parts:
        lines += ["", f"## {part.title}", ""]
        for group in part.groups:
            for page in group.pages:
                lines.append(f"- [{title(texts[page])}]({address(page)}): {about(texts[page])}")
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())
