"""What becomes of a Markdown page on the site. Pure.

Pages are written for GitHub. The site's Markdown differs in two things: what belongs to an item of a list
is four columns in, and a link leads to a page of the site or to a copied file.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gitdailies_dora.pages.frame.documentation import place
from gitdailies_dora.pages.settings.page_list import LINK

FILES = "files"
_ITEM = re.compile(r"(\d+\. +|[*-] +)(?=\S)")
_FENCE = re.compile(r" *(`{3,}|~{3,})")


class Page(NamedTuple):
    """A page of the site: its path there, its text, and the files of the repository that it links to."""

    path: str
    text: str
    files: tuple[str, ...]


def page_of(path: str, text: str, known: frozenset[str], is_file: Callable[[str], bool]) -> Page:
    """Return the page of the repository's *path* with *text* as the site has it.

    *known* are the paths of all pages. A link to another file leads to a copy of it, and one to a folder
    becomes text.
    """
    here, files = place(path), []

    def linked(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if aim in known:
            aim = place(aim)
        elif is_file(aim):
            files.append(aim)
            aim = f"{FILES}/{aim}"
        else:
            return words[1:-1]
        return f"{words}({posixpath.relpath(aim, posixpath.dirname(here) or '.')}{anchor})"

    text = "".join(part if is_code else LINK.sub(linked, part) for is_code, part in _parts(text))
    return Page(here, "\n".join(indented(text.splitlines())) + "\n", tuple(files))


def indented(lines: list[str]) -> Iterator[str]:
    """Yield *lines* with what belongs to an item of a list four columns in, at any depth."""
    number, fence = 0, ""
    while number < len(lines):
        line = lines[number]
        number += 1
        if opened := _FENCE.match(line):
            fence = "" if fence and opened[1].startswith(fence) else fence or opened[1]
        item = None if fence else _ITEM.match(line)
        if item is None:
            yield line
            continue
        width, body = len(item[0]), []
        while number < len(lines) and (not lines[number].strip() or lines[number].startswith(" " * width)):
            body.append(lines[number][width:])
            number += 1
        while body and not body[-1].strip():
            body.pop()
            number -= 1
        first, *rest = indented([line[width:], *body])
        yield item[0].ljust(4) + first
        for inner in rest:
            yield f"    {inner}" if inner.strip() else ""


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the text in parts, each with whether it is a block of code."""
    part: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        opened = _FENCE.match(line)
        if opened and not fence:
            yield False, "".join(part)
            part, fence = [line], opened[1]
        elif opened and opened[1].startswith(fence):
            yield True, "".join([*part, line])
            part, fence = [], ""
        else:
            part.append(line)
    yield bool(fence), "".join(part)
