"""Which tags of a repository are releases, and of what. Pure.

A version has two numbers or a date in its name, or is a `v` and a number: `v1.4.2`, `REL_15_2`, `2026-03-04`,
`v7`. What is before it names what was released: `api/v1.4.2` is of `api`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

_NUMBERS = re.compile(r"(\d{8,}|\d+(?:[._-]\d+)+)(.*)")
_ONE_NUMBER = re.compile(r"((?:.*[-_/@])?(?:v|r|rel|release|build)[-_.]?)(\d+)", re.IGNORECASE)
# `2.3.x` is the end of a branch.
_RANGE = re.compile(r"\d[._-]?x(?![a-z])", re.IGNORECASE)
# What is no name: the word or the letter before the number, and what joins it to the name.
_JOINT = re.compile(r"(?:(?:^|[-_/@.+ ])(?:v|r|rel|release|releases|version))?[-_/@.+ ]*$", re.IGNORECASE)
# Users get a release. What leads to one is of those who try it.
_EARLY = re.compile(
    r"(?<![a-z])(?:alpha|beta|rc|cr|pre|preview|prerelease|dev|snapshot|nightly|canary|next|insiders"
    r"|experimental|unstable|test|eap|milestone)(?![a-z])|(?:^|[-._])[abcm][-_.]?\d",
    re.IGNORECASE,
)


class Tag(NamedTuple):
    """A tag: its name, the commit, and when it was made, in seconds.

    A light tag has no time of its own: `made` is False, and `at` is the time of the commit.
    """

    name: str
    sha: str
    at: int
    made: bool


class Version(NamedTuple):
    """What the name of a tag says: what was released, "" for all, and whether it was for users.

    `numbers` are how many it has. `v4` beside `v4.1.0` is a tag that moves.
    """

    of: str
    numbers: int
    early: bool


class Chosen(NamedTuple):
    """The tags that are deploys, by what they are of, and the number of others by the reason."""

    tags: Mapping[str, tuple[Tag, ...]]
    left_out: Mapping[str, int]


def version_of(name: str, project: str = "") -> Version | None:
    """Read the name of a tag; None if it is no version. The name of the *project* itself is no prefix."""
    found = _NUMBERS.search(name) or _ONE_NUMBER.fullmatch(name)
    if found is None or _RANGE.search(name):
        return None
    before, number, rest = (
        (name[: found.start()], *found.groups()) if found.re is _NUMBERS else (found[1], found[2], "")
    )
    of = _JOINT.sub("", before).casefold()
    of = "" if of == project.casefold() else of
    early = _EARLY.search(rest) or _EARLY.search(before)
    return Version(of, len(re.findall(r"\d+", number)), early is not None)


def choose(tags: Iterable[Tag], since: int, project: str) -> Chosen:
    """Return the releases: those of each name that has one at or after *since*, else of the latest name."""
    tags = [*tags]
    read = {tag: version for tag in tags if (version := version_of(tag.name, project))}
    named: dict[str, list[Tag]] = defaultdict(list)
    left = {"no version in the name": len(tags) - len(read)}
    left["for those who try it, such as rc and beta"] = sum(one.early for one in read.values())
    several = {one.of for one in read.values() if one.numbers > 1}
    moving = [tag for tag, one in read.items() if one.numbers == 1 and one.of in several and not one.early]
    left["one number beside whole versions: such tags move"] = len(moving)
    for tag, one in read.items():
        if not one.early and tag not in moving:
            named[one.of].append(tag)
    last = {of: max(tag.at for tag in found) for of, found in named.items()}
    used = {of for of, at in last.items() if at >= since} or {max(last, key=last.__getitem__, default="")}
    left["other names, without a release in the period"] = sum(
        len(found) for of, found in named.items() if of not in used
    )
    kept = {of: tuple(found) for of, found in named.items() if of in used}
    return Chosen(kept, {why: count for why, count in left.items() if count})


def matching(tags: Iterable[Tag], glob: str) -> Chosen:
    """Return every tag that a person named by *glob*, whatever it looks like."""
    tags = [*tags]
    found = tuple(tag for tag in tags if fnmatchcase(tag.name, glob))
    others = len(tags) - len(found)
    return Chosen({"": found} if found else {}, {f"not {glob}": others} if others else {})
