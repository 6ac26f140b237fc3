"""The deploys that tags and branches show, and what each brought, as the CI steps write it. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import reverts_of
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS

from gitdailies_cli.commands.scan.versions import Chosen

_LAST_SECOND = 253_402_300_799  # of the year 9999
_MERGED_HOTFIX = re.compile(r"merge (?!.* into \S*hotfix).*[ '\"/]hotfix[-_/]", re.IGNORECASE)


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
    inside: Collection[str] | None = None,
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield the fields of each deploy with what it brought: what leads to it, and to no earlier one there.

    *target* says where that is. A list that is too long for an event is apart from its fields.

    They are in the order of time. One of a commit that *log* lacks stays as it is. A commit that is not
    *inside* touches nothing of the service; None if all do. The last entry of a list is one that the target
    had, which ties it to the lists before.
    """
    there: dict[Hashable, set[str]] = defaultdict(set)
    ties: dict[Hashable, dict[str, Any]] = {}
    for fields, untimed in deploys:
        place, sha, long = target(fields), fields["commitSHA"], list[dict[str, Any]]()
        if sha in log:
            first, new = place not in there, _new(log, sha, there[place])
            listed = [_entry(one, log[one], untimed, inside) for one in new]
            tie = [ties[place]] if listed and place in ties else []
            if first or len(listed) < MOST_COMMITS:
                fields["commits"] = [*listed[: MOST_COMMITS - 1], *tie]
            else:
                long = listed
            undone_here = reverts_of((one, undone[one]) for one in new if one in undone)
            if undone_here and not first:
                fields["reverts"] = [*undone_here[:MOST_REVERTS]]
            ties.update((place, one) for one in reversed(listed) if not one.get("outside"))
        yield fields, long


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


def _entry(sha: str, commit: Commit, untimed: int | None, inside: Collection[str] | None) -> dict[str, Any]:
    at = "" if commit.at == untimed else time_of(commit.at)
    entry = {"sha": sha, "parents": [*commit.parents], "time": at or None}
    return entry if inside is None else {**entry, "outside": sha not in inside}
