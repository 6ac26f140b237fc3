"""The pages of the documentation: their order, from `docs/site.toml`, and what each is for."""

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = "docs/site.toml"
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\]]*\])*\])\((?![a-z][a-z+.-]*:|#)([^)\s#]+)(#[^)\s]*)?\)")
_FIRST = re.compile(r"\*\*For:\*\* (.+?)\. \*\*At the end:\*\* (.+?)(?:\n\n|\Z)", re.DOTALL)


class Group(NamedTuple):
    """Pages under one title, or directly in their part if *title* is ""."""

    title: str
    pages: tuple[str, ...]


class Part(NamedTuple):
    """A part of the site, such as "Do"."""

    title: str
    groups: tuple[Group, ...]


class Tree(NamedTuple):
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
    parts = []
    for part in written["part"]:
        groups = []
        for group in part["group"]:
            pages = tuple(page for name in group["pages"] for page in _found(root, name))
            groups.append(Group(group.get("title", ""), pages))
        parts.append(Part(part["title"], tuple(groups)))
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


@cache
def llms(root: Path, address: Callable[[str], str]) -> str:
    """Return `llms.txt` of the project in *root*: each page, its *address*, and what it is for."""
    tree = read(root)
    what = "> Deploys and incidents from any tool into DORA metrics, each counted once."
    lines = [f"# {tree.name}", "", what]
    for part in tree.parts:
        lines += ["", f"## {part.title}", ""]
        for group in part.groups:
            for page in group.pages:
                text = (root / page).read_text("utf-8")
                lines.append(f"- [{title(text)}]({address(page)}): {about(text)}")
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())
