"""Which tags are releases, which deploys tags and branches show, and what each brought. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import reverts_of
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS

_LAST_SECOND = 253_402_300_799  # of the year 9999
_MERGED_HOTFIX = re.compile(r"merge (?!.* into \S*hotfix).*[ '\"/]hotfix[-_/]", re.IGNORECASE)
# Two numbers or a date, else one number behind a word: v1.4.2, REL_15_2, 2026-03-04, v7.
_NUMBERS = re.compile(r"()(\d{8,}|\d+(?:[._-]\d+)+)(.*)")
_ONE_NUMBER = re.compile(r"((?:.*[-_/@])?(?:v|r|rel|release|build)[-_.]?)(\d+)()", re.IGNORECASE)
# 2.3.x is the end of a branch.
_RANGE = re.compile(r"\d[._-]?x(?![a-z])", re.IGNORECASE)
_NO_VERSION = "without a version"
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
    """The tags that are deploys, by service, and the number of other tags by reason."""

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
            left[f"that are not {glob}, whose commits count in lead times, too" if glob else _NO_VERSION] += 1
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


class Commit(NamedTuple):
    """A commit: its time in seconds, and its parents."""

    at: int
    parents: tuple[str, ...]


class Deployed(NamedTuple):
    """A deploy: the fields of its event so far, and the time of its commit if that is all it has.

    Commits of that time have no lead time: one of nothing would be invented.
    """

    fields: dict[str, Any]
    untimed: int | None = None


def merges_hotfix(message: str) -> bool:
    """Whether a message is that of the merge of a hotfix branch."""
    return _MERGED_HOTFIX.match(message) is not None


def of_tags(chosen: Chosen, repo: str, hotfixes: Collection[str]) -> Iterator[Deployed]:
    """Yield a deploy for each tag. Where several names are released, each is a service."""
    for name, tags in chosen.tags.items():
        service = (name or repo.rpartition("/")[2]) if len(chosen.tags) > 1 else None
        for tag in tags:
            hotfix = tag.sha in hotfixes or "hotfix" in tag.name.lower()
            fields = _fields(repo, tag.sha, tag.at, hotfix, service=service)
            yield Deployed(fields, None if tag.made else tag.at)


def of_branch(
    log: Mapping[str, Commit], tip: str, repo: str, branch: str, hotfixes: Collection[str]
) -> Iterator[Deployed]:
    """Yield a deploy for each push to a branch, newest first.

    Git does not keep pushes. Commits of one second came together; every other one is a push.
    """
    sha, after = tip, None
    while commit := log.get(sha):
        if commit.at != after:
            fields = _fields(repo, sha, commit.at, sha in hotfixes, branch=branch)
            yield Deployed(fields, commit.at)
        sha, after = next(iter(commit.parents), ""), commit.at


def _fields(repo: str, sha: str, at: int, hotfix: bool, **more: str | None) -> dict[str, Any]:
    fields = {"kind": DEPLOYED, "repo": repo, "commitSHA": sha, "environment": "production", **more}
    fields |= {"time": time_of(at), "reporter": "scan", "type": "hotfix" if hotfix else None}
    return {name: value for name, value in fields.items() if value}


def time_of(at: int) -> str:
    """Write a time of git; "" for one that git could not read, which it writes as 0."""
    shown = datetime.fromtimestamp(at, UTC) if 0 < at <= _LAST_SECOND else None
    return shown.strftime("%Y-%m-%dT%H:%M:%SZ") if shown else ""


def write(
    deploys: Iterable[Deployed],
    log: Mapping[str, Commit],
    undone: Mapping[str, tuple[str, ...]],
    target: Callable[[Mapping[str, Any]], Hashable],
) -> Iterator[dict[str, Any]]:
    """Yield the fields of each deploy with what it brought: what leads to it, and to no earlier one there.

    *target* says where that is. A list that is too long for an event is left out.

    They are in the order of time. One of a commit that *log* lacks stays as it is. The last entry of a list
    is one that the target had, which ties it to the lists before.
    """
    there: dict[Hashable, set[str]] = defaultdict(set)
    ties: dict[Hashable, dict[str, Any]] = {}
    for fields, untimed in deploys:
        place, sha = target(fields), fields["commitSHA"]
        if sha in log:
            first, new = place not in there, _new(log, sha, there[place])
            listed = [_entry(one, log[one], untimed) for one in new]
            tie = [ties[place]] if listed and place in ties else []
            if first or len(listed) < MOST_COMMITS:
                fields["commits"] = [*listed[: MOST_COMMITS - 1], *tie]
            undone_here = reverts_of((one, undone[one]) for one in new if one in undone)
            if undone_here and not first:
                fields["reverts"] = [*undone_here[:MOST_REVERTS]]
            if listed:
                ties[place] = listed[0]
        yield fields


def _new(log: Mapping[str, Commit], tip: str, there: set[str]) -> list[str]:
    """Return the commits that a commit leads to and *there* lacks, newest first. Add them to *there*."""
    found, waiting = [], [tip]
    while waiting:
        sha = waiting.pop()
        if sha not in there and sha in log:
            there.add(sha)
            found.append(sha)
            waiting += log[sha].parents
    # The deployed commit is the newest, whatever the clocks of others said.
    return sorted(found, key=lambda sha: (sha == tip, log[sha].at), reverse=True)


def _entry(sha: str, commit: Commit, untimed: int | None) -> dict[str, Any]:
    at = "" if commit.at == untimed else time_of(commit.at)
    return {"sha": sha, "parents": [*commit.parents], "time": at or None}
