"""Which tags of a repository are releases, and of what. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

# Two numbers or a date, else one number behind a word: v1.4.2, REL_15_2, 2026-03-04, v7.
_NUMBERS = re.compile(r"()(\d{8,}|\d+(?:[._-]\d+)+)(.*)")
_ONE_NUMBER = re.compile(r"((?:.*[-_/@])?(?:v|r|rel|release|build)[-_.]?)(\d+)()", re.IGNORECASE)
# 2.3.x is the end of a branch.
_RANGE = re.compile(r"\d[._-]?x(?![a-z])", re.IGNORECASE)
# What joins a version to the name before it.
_JOINT = re.compile(r"(?:(?:^|[-_/@.+ ])(?:v|r|rel|release|releases|version))?[-_/@.+ ]*$", re.IGNORECASE)
_EARLY = re.compile(
    r"(?<![a-z])(?:alpha|beta|rc|cr|pre|preview|prerelease|dev|snapshot|nightly|canary|next|insiders"
    r"|experimental|unstable|test|eap|milestone)(?![a-z])|(?:^|[-._])[abcm][-_.]?\d",
    re.IGNORECASE,
)


class Tag(NamedTuple):
    """A tag, its commit, and its time in seconds: that of the commit, if it was not *made* at one."""

    name: str
    sha: str
    at: int
    made: bool


class Version(NamedTuple):
    """What a tag is a version of, "" for all; how many numbers it has; whether it is for those who try it."""

    of: str
    numbers: int
    early: bool


class Chosen(NamedTuple):
    """The tags that are deploys, by what they are of, and the number of others by the reason."""

    tags: Mapping[str, list[Tag]]
    left_out: Mapping[str, int]


def version_of(name: str, project: str = "") -> Version | None:
    """Read the name of a tag; None if it is no version. The name of the *project* itself is no prefix."""
    found = _NUMBERS.search(name) or _ONE_NUMBER.fullmatch(name)
    if found is None or _RANGE.search(name):
        return None
    before, (word, number, rest) = name[: found.start()], found.groups()
    of = _JOINT.sub("", before + word).casefold()
    early = any(map(_EARLY.search, (rest, before)))
    return Version("" if of == project.casefold() else of, len(re.findall(r"\d+", number)), early)


def choose(tags: Iterable[Tag], since: int, project: str, glob: str) -> Chosen:
    """Return the releases: of each name with one at or after *since*, else of the latest name.

    With a *glob*, they are all tags that fit it, whatever they look like.
    """
    named: dict[str, list[Tag]] = defaultdict(list)
    left: Counter[str] = Counter()
    read = {tag: version_of(tag.name, project) for tag in tags}
    whole = {one.of for one in read.values() if one and one.numbers > 1}
    for tag, one in read.items():
        if glob and fnmatchcase(tag.name, glob):
            named[""].append(tag)
        elif glob or one is None:
            left[f"that are not {glob}" if glob else "without a version"] += 1
        elif one.early:
            left["of early versions, such as rc and beta"] += 1
        elif one.numbers == 1 and one.of in whole:
            left["of one number beside whole versions, which move"] += 1
        else:
            named[one.of].append(tag)
    last = {of: max(tag.at for tag in found) for of, found in named.items()}
    used = {of for of in last if last[of] >= since} or {max(last, key=last.__getitem__, default="")}
    left["of names without a release in the period"] = sum(len(named[of]) for of in named.keys() - used)
    return Chosen({of: found for of, found in named.items() if of in used}, +left)
