"""What each deploy brought, from the commits of a repository. Pure.

A deploy brought the commits that lead to its own, and to no earlier deploy's of its target. They are written
as the CI steps write them: with parents, and with the commits that they undo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import is_merge, reverts_of, undone_by
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS

from gitdailies_cli.commands.scan.versions import Chosen

REPORTER = "scan"
_LAST_SECOND = 253_402_300_799  # of the year 9999
_HOTFIX = "hotfix"


class Commit(NamedTuple):
    """A commit: its time in seconds, and its parents."""

    at: int
    parents: tuple[str, ...]


class Messages(NamedTuple):
    """What messages of commits say: the commits that each undoes, and the merges of hotfix branches."""

    undone: Mapping[str, tuple[str, ...]]
    hotfixes: frozenset[str]

    @classmethod
    def of(cls, found: Iterable[tuple[str, str]]) -> Messages:
        """Read pairs of a commit and its message."""
        undone, hotfixes = {}, set()
        for sha, message in found:
            undone[sha] = undone_by(message)
            first = message.partition("\n")[0].rpartition(" into ")
            merged = first[0] or first[2]
            if is_merge(message) and any(f"{sign}{_HOTFIX}" in merged.lower() for sign in " '\"/"):
                hotfixes.add(sha)
        return cls(undone, frozenset(hotfixes))


class Deployed(NamedTuple):
    """A deploy: the fields of its event so far, and whether they have a time of its own.

    A light tag and a commit on a branch have none: git has the time of the commit alone. That commit then has
    no lead time, since one of nothing would be invented.
    """

    fields: Mapping[str, Any]
    timed: bool = True


class Written(NamedTuple):
    """The events of deploys as fields, and the lists that are too long for an event, by their place."""

    events: tuple[dict[str, Any], ...]
    long: tuple[int, ...]
    lists: tuple[tuple[dict[str, Any], ...], ...]


def of_tags(chosen: Chosen, repo: str, project: str, hotfixes: Collection[str]) -> Iterator[Deployed]:
    """Yield a deploy for each tag. Where several names are released, each is a service."""
    for name, tags in chosen.tags.items():
        service = (name or project) if len(chosen.tags) > 1 else None
        for tag in tags:
            hotfix = tag.sha in hotfixes or _HOTFIX in tag.name.lower()
            yield _deploy(repo, tag.sha, tag.at, timed=tag.made, service=service, hotfix=hotfix)


def of_branch(
    log: Mapping[str, Commit], tip: str, repo: str, branch: str, hotfixes: Collection[str]
) -> Iterator[Deployed]:
    """Yield a deploy for each push to a branch: what its first parents lead to, newest first.

    Git does not keep pushes. Commits of one second came with one; every other commit is a push.
    """
    sha, after = tip, None
    while sha:
        commit = log.get(sha) or Commit(0, ())
        if commit.at != after:
            yield _deploy(repo, sha, commit.at, timed=False, branch=branch, hotfix=sha in hotfixes)
        sha, after = next(iter(commit.parents), ""), commit.at


def _deploy(repo: str, sha: str, at: int, *, timed: bool, hotfix: bool, **more: str | None) -> Deployed:
    fields = {
        "kind": DEPLOYED,
        "repo": repo,
        "commitSHA": sha,
        "environment": "production",
        "time": time_of(at),
        "reporter": REPORTER,
        "type": _HOTFIX if hotfix else None,
        **more,
    }
    return Deployed({name: value for name, value in fields.items() if value}, timed)


def time_of(at: int) -> str | None:
    """Write a time of git; None for one that git could not read, which it writes as 0."""
    if not 0 < at <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(
    deploys: Sequence[Deployed],
    log: Mapping[str, Commit],
    messages: Messages,
    target: Callable[[Mapping[str, Any]], Hashable],
    inside: Collection[str] | None = None,
) -> Written:
    """Add to each deploy what it brought to its *target*; they are in the order of time.

    A deploy of a commit that *log* lacks, and one that has a list, stay as they are. Of the commits, those
    not *inside* touch nothing of the service; None if all are of it.
    """
    there: dict[Hashable, set[str]] = defaultdict(set)
    events, long, lists = [], [], []
    for deploy in deploys:
        fields, sha = dict(deploy.fields), deploy.fields["commitSHA"]
        place, found = target(fields), ()
        if sha in log and not {"commits", "commitTime"} & fields.keys():
            first = place not in there
            new = _new(log, sha, there[place])
            untimed = None if deploy.timed else log[sha].at
            found = tuple(_entry(one, log[one], untimed, inside) for one in new)
            undone = reverts_of((one, messages.undone[one]) for one in new if messages.undone.get(one))
            if undone and not first:
                fields["reverts"] = [*undone[:MOST_REVERTS]]
            if first or len(found) <= MOST_COMMITS:
                fields["commits"] = [*found[:MOST_COMMITS]]
            else:
                long.append(len(events))
        events.append(fields)
        lists.append(found)
    return Written(tuple(events), tuple(long), tuple(lists))


def _new(log: Mapping[str, Commit], tip: str, there: set[str]) -> list[str]:
    """Return what a commit leads to and *there* lacks, newest first. Then it is there."""
    found, waiting = [], [tip]
    while waiting:
        sha = waiting.pop()
        if sha not in there and sha in log:
            there.add(sha)
            found.append(sha)
            waiting += log[sha].parents
    # The deployed commit is the newest, whatever the clocks of others said.
    return sorted(found, key=lambda sha: (sha == tip, log[sha].at), reverse=True)


def _entry(sha: str, commit: Commit, untimed: int | None, inside: Collection[str] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha": sha, "parents": [*commit.parents]}
    if commit.at != untimed and (at := time_of(commit.at)):
        entry["time"] = at
    if inside is not None:
        entry["outside"] = sha not in inside
    return entry
